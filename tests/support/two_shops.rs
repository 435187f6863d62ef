//! A user who watches two small services, `search` and `shop`, in which every step takes no time.

use std::fs;

use crate::home::{Home, until};
use crate::repository::Repository;
use crate::small_shop::service_file;

pub struct TwoShops {
    pub home: Home,
    pub search: Repository,
    pub shop: Repository,
}

impl TwoShops {
    /// Both have one verified build, which is not live.
    pub fn open() -> Self {
        let (home, search, shop) = (Home::new(), Repository::new(), Repository::new());
        for (name, repository) in [("search", &search), ("shop", &shop)] {
            let file = service_file("echo shipped");
            let file = file.replacen("service = \"shop\"", &format!("service = {name:?}"), 1);
            repository.write("trunkline.toml", &file);
            repository.commit_all("sam", "sam@shop.example", "begin");
        }
        fs::create_dir(home.path("config")).unwrap();
        let service = |of: &Repository| {
            format!("[[services]]\nrepository = '{}'\ntrunk = \"main\"\n", of.path().display())
        };
        let file = format!("poll = \"200ms\"\n{}{}", service(&search), service(&shop));
        fs::write(home.path("config/config.toml"), file).unwrap();
        let shops = Self { home, search, shop };
        shops.await_build("search", 1);
        shops.await_build("shop", 1);
        shops
    }

    /// Waits until a build of a service is verified.
    pub fn await_build(&self, service: &str, number: u64) {
        let arguments = ["builds", "--json", "--service", service];
        until(&format!("{service} #{number} is verified"), || {
            let output = self.home.trunkline(&arguments);
            let builds: serde_json::Value =
                serde_json::from_slice(&output.stdout).unwrap_or_default();
            builds.as_array().is_some_and(|builds| {
                builds.iter().any(|build| build["number"] == number && build["state"] == "verified")
            })
        });
    }

    /// Puts a verified build of a service live.
    pub fn put_live(&self, service: &str, number: u64) {
        let number = number.to_string();
        self.home.said(&["promote", &number, "--yes", "--wait", "--service", service]);
    }
}
