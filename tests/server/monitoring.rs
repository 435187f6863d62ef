//! What a monitoring system reads: whether the server answers and acts, and its numbers, checked by a strict parser.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Client, Response, StatusCode};
use trunkline::domain::caller::AccessRole;
use trunkline::server::NetworkOptions;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::{TeamServer, client};

async fn get(team: &TeamServer, path: &str, token: Option<&str>) -> Response {
    let request = client().get(format!("{}{path}", team.url()));
    let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    request.send().await.unwrap()
}

/// The series of a text in the Prometheus format, with their values. Panics on all that the format forbids.
fn parsed(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n'), "the last line has no end");
    let is_name = |name: &str| {
        let ok = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        name.chars().all(ok) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty()
    };
    let (mut series, mut families, mut helped) = (BTreeMap::new(), BTreeSet::new(), String::new());
    let (mut family, mut kind) = (String::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            help.split_once(' ').expect("a name and a text").0.clone_into(&mut helped);
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, of) = of.split_once(' ').expect("a name and a type");
            assert!(["counter", "gauge", "histogram"].contains(&of), "{line}");
            assert!(is_name(name) && name == helped, "{line} after the help of {helped}");
            assert!(families.insert(name.to_owned()), "{name} is there twice");
            assert_eq!(name.ends_with("_total"), of == "counter", "{line}");
            (family, kind) = (name.to_owned(), of.to_owned());
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a series and its value");
            let (plain, labels) = name.split_once('{').unwrap_or((name, "}"));
            let suffix = plain.strip_prefix(&family).expect("a series of the last family");
            let suffixes: &[&str] =
                if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{line}");
            let labels = labels.strip_suffix('}').expect("the labels end");
            for label in labels.split(',').filter(|label| !label.is_empty()) {
                let (key, value) = label.split_once("=\"").expect("a label and its value");
                let value = value.strip_suffix('"').expect("a quoted value");
                assert!(is_name(key) && !value.contains(['"', '\\']), "{line}");
            }
            assert!(value.parse::<f64>().expect("a number") >= 0.0, "{line}");
            assert!(
                series.insert(name.to_owned(), value.to_owned()).is_none(),
                "{name} is there twice"
            );
            if suffix == "_count" {
                let endless = match labels {
                    "" => format!("{family}_bucket{{le=\"+Inf\"}}"),
                    labels => format!("{family}_bucket{{le=\"+Inf\",{labels}}}"),
                };
                let other = endless.replace("{le=\"+Inf\",", "{");
                let other = other.replace('}', ",le=\"+Inf\"}");
                let endless = series.get(&endless).or_else(|| series.get(&other));
                assert_eq!(endless.map(String::as_str), Some(value), "{line}");
            }
        }
    }
    series
}

#[tokio::test]
async fn the_numbers_are_what_a_strict_parser_takes_and_name_no_commit_and_no_person() {
    let world = World::open(QUICK).await;
    world.verified("a change of ann").await;
    let team = TeamServer::new(world.handle()).await;
    let token = team.token("raj", AccessRole::Viewer, &[]).await.secret;
    let answer = get(&team, "/metrics", Some(token.expose())).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    let series = parsed(&text);
    let staged = "service=\"checkout\",environment=\"staging\",kind=\"auto\",result=\"succeeded\"";
    let of = |name: &str| {
        let value = series.get(name).unwrap_or_else(|| panic!("no {name}: {text}"));
        value.parse::<u64>().expect("a whole number")
    };
    let count = of(&format!("trunkline_deployments_total{{{staged}}}"));
    assert!(count >= 1);
    assert_eq!(of(&format!("trunkline_deployment_duration_seconds_count{{{staged}}}")), count);
    assert!(of("trunkline_events_total") > 5);
    assert!(of("trunkline_record_write_seconds_count") > 0);
    assert!(of("trunkline_fetch_seconds_count") > 0);
    assert!(of("trunkline_connections{doing=\"working\"}") >= 1);
    let open = "service=\"checkout\",environment=\"production\",state=\"running\"";
    assert_eq!(of(&format!("trunkline_deployments_open{{{open}}}")), 0);
    let service = "checkout".parse().unwrap();
    let builds = world.handle().builds(&service, None, 10).unwrap();
    for build in builds {
        assert!(!text.contains(build.build.sha.short()), "{text}");
    }
    assert!(!text.contains("ann") && !text.contains("raj"), "{text}");
}

#[tokio::test]
async fn the_numbers_are_for_whoever_sees_all_services_unless_the_server_shows_them_to_everybody() {
    let world = World::open(QUICK).await;
    world.until("the service is known", |_| Some(())).await;
    let team = TeamServer::new(world.handle()).await;
    let limited = team.token("raj", AccessRole::Deployer, &["checkout"]).await.secret;
    let status = async |token| get(&team, "/metrics", token).await.status();
    assert_eq!(status(None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(Some(limited.expose())).await, StatusCode::FORBIDDEN);
    let socket = Client::builder().unix_socket(team.socket()).build().unwrap();
    for path in ["/metrics", "/healthz", "/readyz"] {
        let answer = socket.get(format!("http://trunkline{path}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let options = NetworkOptions { open_metrics: true, ..NetworkOptions::default() };
    let open = TeamServer::plain(world.handle(), options).await;
    let numbers = get(&open, "/metrics", None).await;
    assert_eq!(numbers.status(), StatusCode::OK);
    assert!(!parsed(&numbers.text().await.unwrap()).is_empty());
    assert_eq!(get(&open, "/v1/fleet", None).await.status(), StatusCode::UNAUTHORIZED);
    let changed = client().post(format!("{}/metrics", open.url())).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn everybody_is_told_whether_the_engine_acts_and_nothing_more() {
    let world = World::open(QUICK).await;
    world.until("the service is known", |_| Some(())).await;
    let team = TeamServer::new(world.handle()).await;
    let ask = async |path: &str| {
        // A probe knows the address alone, and has no token.
        let request = client().get(format!("{}{path}", team.url())).header("host", "10.1.2.3");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(ask("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(ask("/readyz/").await.0, 403, "any other path is for named hosts");

    let data = world.data();
    std::fs::rename(&data, data.with_extension("gone")).unwrap();
    let (status, told) = ask("/readyz").await;
    assert_eq!(status, 503);
    assert!(told.contains("the data folder is lost"), "{told}");
    assert!(!told.contains("checkout") && !told.contains(&*data.to_string_lossy()), "{told}");
    assert_eq!(ask("/healthz").await.0, 200, "the process answers all the same");
}

#[tokio::test]
async fn an_engine_that_was_stopped_is_not_ready() {
    let world = World::open(QUICK).await;
    let team = TeamServer::new(world.handle()).await;
    let ask = async || get(&team, "/readyz", None).await;
    assert_eq!(ask().await.status(), StatusCode::OK);
    world.handle().shutdown().await;
    let told = ask().await;
    assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    let told = told.text().await.unwrap();
    assert!(told.contains("the engine looks at no trunk any more"), "{told}");
    assert_eq!(get(&team, "/healthz", None).await.status(), StatusCode::OK);
}
