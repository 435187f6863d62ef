//! A served world together with the `OpenAPI` document that it serves, and checks of the one by the other.

use std::collections::BTreeSet;
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use chrono::DateTime;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use trunkline::backend::scripted::Scripted;

use trunkline_testing::serving::Serving;

/// What the validator calls the document.
const RESOURCE: &str = "http://trunkline/v1/openapi.json";

/// A schema of the document.
pub struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    pub fn is_valid(&self, value: &Value) -> bool {
        self.schemas.validate(value, self.index).is_ok()
    }
}

/// A served world and its description.
pub struct Described {
    pub world: Scripted,
    client: Client,
    pub document: Value,
    _serving: Serving,
}

impl Described {
    pub async fn new() -> Self {
        let world = Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let served = world.clone();
        let serving = Serving::new(move |_| served.clone());
        let client = Client::builder().unix_socket(serving.socket());
        let client = client.timeout(Duration::from_mins(2)).build().unwrap();
        let answer = client.get("http://trunkline/v1/openapi.json").send().await.unwrap();
        let document = answer.json().await.unwrap();
        Self { world, client, document, _serving: serving }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://trunkline{path}"))
    }

    /// The operations, as path and method.
    pub fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.document["paths"].as_object().unwrap();
        let methods = paths.iter().flat_map(|(path, item)| {
            let keys = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            keys.map(move |method| (path.clone(), method.to_uppercase()))
        });
        methods.collect()
    }

    /// Checks values against a schema of the document.
    fn validator(&self, schema: &Value) -> Validator {
        let mut schema = schema.clone();
        schema["components"] = self.document["components"].clone();
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.enable_format_assertions();
        compiler.add_resource(RESOURCE, schema).unwrap();
        let index = compiler.compile(RESOURCE, &mut schemas).unwrap();
        Validator { schemas, index }
    }

    pub fn component(&self, name: &str) -> Validator {
        assert!(self.document["components"]["schemas"][name].is_object(), "no schema {name:?}");
        self.validator(&json!({ "$ref": format!("#/components/schemas/{name}") }))
    }

    /// Sends the request to the path of a route, and checks status, media type, headers and body by the document.
    pub async fn holds(&self, route: &str, request: RequestBuilder, status: u16) {
        let request = request.build().unwrap();
        let method = request.method().as_str().to_lowercase();
        let answer = self.client.execute(request).await.unwrap();
        assert_eq!(answer.status(), status, "{route}");
        let described = &self.document["paths"][route][&method]["responses"][status.to_string()];
        for header in described["headers"].as_object().unwrap().keys() {
            assert!(answer.headers().contains_key(header), "{route}: no header {header:?}");
        }
        let Some(contents) = described["content"].as_object() else {
            assert!(answer.bytes().await.unwrap().is_empty(), "{route}: {status} has a body");
            return;
        };
        let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let content =
            contents.get(&media).unwrap_or_else(|| panic!("{route}: {media} {contents:?}"));
        if let Some(schema) = content.get("schema") {
            let body = if media.starts_with("text/plain") {
                json!(answer.text().await.unwrap())
            } else {
                answer.json().await.unwrap()
            };
            assert_valid(&self.validator(schema), &body, route);
        }
    }

    pub async fn gets(&self, route: &str, path: &str, status: u16) {
        self.holds(route, self.ask(Method::GET, path), status).await;
    }
}

pub fn assert_valid(validator: &Validator, value: &Value, what: &str) {
    if let Err(error) = validator.schemas.validate(value, validator.index) {
        panic!("{what}: {error:#}: {value}");
    }
}
