//! Production of every service stopped at once from the list of services, and released together.

use trunkline_testing::shop::{acts, leave};
use trunkline_testing::two_shops::TwoShops;

const SIZE: (u16, u16) = (110, 30);

#[test]
fn everything_is_stopped_from_the_list_of_services_and_released_together() {
    let shops = TwoShops::open();
    let mut screen = shops.home.on_terminal(&[], SIZE);
    screen.shows("Services");
    screen.shows("shop");
    let title = "Hold PRODUCTION of ALL services";
    acts(&mut screen, "H", title);
    screen.shows("holds production of 2 services: search, shop");
    screen.keys("the database burns\t");
    screen.lights_up("[> Cancel <]");
    screen.keys("\x1b[C");
    screen.lights_up("[> Hold all <]");
    screen.keys("\r");
    screen.hides(title);
    screen.shows("production of 2 services is on hold");
    screen.until("both are on hold", |text| text.matches("ON HOLD").count() == 2);
    let may = |service: &str| shops.home.trunkline(&["may", "promote", service]).status.code();
    assert_eq!((may("search"), may("shop")), (Some(3), Some(3)));

    acts(&mut screen, "7", "Changed in all services, last hour");
    screen.shows("all 2 services");
    screen.shows("put production on hold with all services: the database burns");
    screen.keys("q");
    screen.hides("Changed in all services");

    let title = "Release PRODUCTION of all services";
    acts(&mut screen, "H", title);
    screen.keys("it is out\t");
    screen.lights_up("[> Cancel <]");
    screen.keys("\x1b[C");
    screen.lights_up("[> Release all <]");
    screen.keys("\r");
    screen.hides(title);
    screen.shows("production of 2 services is released");
    screen.hides("ON HOLD");
    assert_eq!((may("search"), may("shop")), (Some(0), Some(0)));
    leave(screen);
}
