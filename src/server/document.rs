//! The `OpenAPI` document that the API serves: the descriptions of its routes, and what all routes have in common.

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER};
use axum::response::{IntoResponse, Response as Answer};
use utoipa::openapi::header::Header;
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Content, HeaderBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Schema,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::HEAD;
use super::connections::{COMMANDS_OF_ONE, CONNECTIONS, WAITING, WAITING_OF_ONE, WORKING_OF_ONE};
use super::extract::BODY;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::query::{Verb, Wait};
use crate::api::{
    API_HEADER, LARGEST_REQUEST, LOG_ENDED, LOG_NEXT, LOG_SIZE, LOG_START, PROBLEM, VERSION,
    VERSION_HEADER, path,
};
use crate::backend::LONGEST_WAIT;
use crate::domain::chain::Hash;
use crate::domain::ids::{CommitPrefix, IdempotencyKey};

/// The name of the security scheme.
const TOKEN: &str = "token";
const BEARER: &str =
    "A token of `trunkline token create`, over the network. On the unix socket nobody needs one.";
/// A token has no scopes: what it grants is kept at the server.
const NONE: [&str; 0] = [];

const ABOUT: &str = "The deploy console for trunk-based teams: watch builds reach staging, promote and roll back.

Served on the engine's unix socket, where the kernel identifies the caller, and on a port with TLS, where the bearer \
token of a request identifies its person. What else a request says about its sender counts for nothing. Every \
error is a problem document (RFC 9457), whose `type` is more specific than its status.";

/// The problems that any route may answer with.
const ANYWHERE: &[ProblemKind] = &[
    ProblemKind::NotSignedIn,
    ProblemKind::NotAllowed,
    ProblemKind::TooManyAttempts,
    ProblemKind::Incompatible,
    ProblemKind::Failed,
    ProblemKind::Unreachable,
    ProblemKind::Stopping,
    ProblemKind::TimedOut,
];

/// The limits of the server, as the constants say them.
fn limits() -> String {
    let [body, head, wait] = [BODY, HEAD, LONGEST_WAIT].map(|time| time.as_secs());
    let request = LARGEST_REQUEST / 1024;
    format!(
        "Limits: {CONNECTIONS} connections, fewer where the server may open fewer files. {WAITING} requests may wait for news \
         (streams, and reads with `wait`), {WAITING_OF_ONE} of one user; one user may have {WORKING_OF_ONE} other reads and \
         {COMMANDS_OF_ONE} commands at the same time; one more is answered with 503. A connection that idles, or takes longer than {head} s \
         to send the head of a request, is closed, and earlier if a new one needs its place. The body of a command may have \
         {request} KiB and take {body} s. A read waits at most {wait} s. A `limit` beyond the largest counts as the largest."
    )
}

type Answers = BTreeMap<String, RefOr<Response>>;

/// The document without its routes.
pub(super) fn titled() -> OpenApi {
    let license = env!("CARGO_PKG_LICENSE");
    let license = LicenseBuilder::new().name(license).identifier(Some(license));
    let info = InfoBuilder::new()
        .title(env!("CARGO_PKG_NAME"))
        .version(VERSION)
        .description(Some(format!("{ABOUT}\n\n{}", limits())))
        .license(Some(license.build()));
    OpenApiBuilder::new().info(info).build()
}

/// The document for [`document`], with what all routes have in common.
pub(super) fn finished(mut api: OpenApi) -> Document {
    let components = api.components.get_or_insert_default();
    components.parameters.extend(request_headers());
    components.headers.extend(response_headers());
    let bearer =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(BEARER)).build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    api.security =
        Some(vec![SecurityRequirement::new(TOKEN, NONE), SecurityRequirement::default()]);
    components.schemas.extend(schemas());
    for item in api.paths.paths.values_mut() {
        stamp(item);
    }
    let json = api.to_pretty_json().expect("the document has string keys and nothing that fails");
    Document(Bytes::from(json))
}

/// The schemas that are used only in parameters and problems, not in bodies.
fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![
        (CommitPrefix::name().into(), CommitPrefix::schema()),
        (IdempotencyKey::name().into(), IdempotencyKey::schema()),
        (Verb::name().into(), Verb::schema()),
        (Wait::name().into(), Wait::schema()),
        (Hash::name().into(), Hash::schema()),
        (ProblemDocument::name().into(), ProblemDocument::schema()),
    ];
    ProblemDocument::schemas(&mut schemas);
    schemas
}

/// The document as it is sent.
#[derive(Clone)]
pub(super) struct Document(Bytes);

/// Describes this API.
#[utoipa::path(
    get,
    path = path::DOCUMENT,
    responses((status = 200, description = "This document, in OpenAPI 3.1.", body = Object))
)]
pub(super) async fn document(Extension(Document(json)): Extension<Document>) -> Answer {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}

/// Adds the headers of every request and answer, and the problems of every route.
fn stamp(item: &mut PathItem) {
    let of_parameter = |(name, _)| RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")));
    item.parameters = Some(request_headers().map(of_parameter).into());
    let operations: [&mut Option<Operation>; 5] =
        [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
    for operation in operations.into_iter().flatten() {
        let answers = &mut operation.responses.responses;
        add_problems(answers, ANYWHERE);
        for answer in answers.values_mut() {
            let RefOr::T(answer) = answer else { continue };
            let of_header = |(name, _)| {
                let header = Ref::new(format!("#/components/headers/{name}"));
                (name, RefOr::Ref(header))
            };
            answer.headers.extend(response_headers().map(of_header));
        }
    }
}

/// The headers that any request may have.
fn request_headers() -> [(String, RefOr<Parameter>); 2] {
    let api = "The version of the API that the caller speaks. The engine refuses a request with another version than its own.";
    let version = "The version of the calling program, for people.";
    [
        (API_HEADER.to_owned(), in_header::<u32>(API_HEADER, Required::False, api).into()),
        (
            VERSION_HEADER.to_owned(),
            in_header::<String>(VERSION_HEADER, Required::False, version).into(),
        ),
    ]
}

/// The headers that every answer has.
fn response_headers() -> [(String, RefOr<Header>); 2] {
    [
        header::<u32>(API_HEADER, "The version of the API that the engine speaks."),
        header::<String>(VERSION_HEADER, "The version of the engine, for people."),
    ]
}

/// A header of a request.
pub(super) fn in_header<T: ToSchema>(name: &str, required: Required, about: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(about))
        .schema(Some(T::schema()))
        .build()
}

/// A header of an answer.
fn header<T: ToSchema>(name: &str, about: &str) -> (String, RefOr<Header>) {
    let header = HeaderBuilder::new().schema(Some(T::schema())).description(Some(about));
    (name.to_owned(), header.build().into())
}

/// Adds an answer for each status of these kinds. Kinds with the same status share an answer.
fn add_problems(answers: &mut Answers, kinds: &[ProblemKind]) {
    for kind in kinds {
        let (status, title) = kind.status_and_title();
        let answer = answers.entry(status.to_string()).or_insert_with(|| RefOr::T(problem(status)));
        let RefOr::T(answer) = answer else { continue };
        let separator = if answer.description.is_empty() { "" } else { "; " };
        answer.description.push_str(separator);
        answer.description.push_str(title);
    }
}

fn problem(status: u16) -> Response {
    let content = Content::new(Some(Ref::from_schema_name(ProblemDocument::name())));
    let mut problem = ResponseBuilder::new().content(PROBLEM, content).build();
    if matches!(status, 429 | 503) {
        let seconds = "After how many seconds to try again.";
        problem.headers.extend([header::<u32>(RETRY_AFTER.as_str(), seconds)]);
    }
    problem
}

fn problems(kinds: &[ProblemKind]) -> Answers {
    let mut answers = Answers::new();
    add_problems(&mut answers, kinds);
    answers
}

/// The answer if the caller has the current snapshot.
pub(super) struct NotModifiedResponse;

impl IntoResponses for NotModifiedResponse {
    fn responses() -> Answers {
        let mut same = Response::new("The caller has the current version.");
        same.headers.extend([header::<String>(ETAG.as_str(), "The version, quoted.")]);
        Answers::from([("304".to_owned(), RefOr::T(same))])
    }
}

/// The problems of routes that read a query or a body.
pub(super) struct BadRequestResponse;

impl IntoResponses for BadRequestResponse {
    fn responses() -> Answers {
        problems(&[ProblemKind::BadRequest])
    }
}

/// The problems of routes with a name in their path.
pub(super) struct NotFoundResponses;

impl IntoResponses for NotFoundResponses {
    fn responses() -> Answers {
        problems(&[ProblemKind::NotFound, ProblemKind::NoSuchPath])
    }
}

/// The problems of the receipt route.
pub(super) struct NoReceiptResponses;

impl IntoResponses for NoReceiptResponses {
    fn responses() -> Answers {
        problems(&[ProblemKind::NeverRecorded, ProblemKind::NoSuchPath])
    }
}

/// The problems of plans and searches.
pub(super) struct InvalidResponse;

impl IntoResponses for InvalidResponse {
    fn responses() -> Answers {
        problems(&[ProblemKind::Invalid])
    }
}

/// The problems of commands.
pub(super) struct RefusedResponses;

impl IntoResponses for RefusedResponses {
    fn responses() -> Answers {
        problems(&[
            ProblemKind::Policy,
            ProblemKind::Changed,
            ProblemKind::TooLarge,
            ProblemKind::NotJson,
            ProblemKind::Invalid,
            ProblemKind::KeyReused,
            ProblemKind::Unknown,
        ])
    }
}

/// The problems of the routes about tokens.
pub(super) struct TokenResponses;

impl IntoResponses for TokenResponses {
    fn responses() -> Answers {
        problems(&[
            ProblemKind::Policy,
            ProblemKind::TooLarge,
            ProblemKind::NotJson,
            ProblemKind::Unknown,
        ])
    }
}

/// The problems of signing in.
pub(super) struct SignInResponses;

impl IntoResponses for SignInResponses {
    fn responses() -> Answers {
        problems(&[ProblemKind::TooLarge, ProblemKind::NotJson])
    }
}

/// Why a webhook was not read.
pub(super) struct WebhookResponses;

impl IntoResponses for WebhookResponses {
    fn responses() -> Answers {
        problems(&[ProblemKind::TooLarge])
    }
}

/// A page of a log, see [`super::response::log`].
pub(super) struct LogPageResponse;

impl IntoResponses for LogPageResponse {
    fn responses() -> Answers {
        let mut page = ResponseBuilder::new()
            .description("Whole lines of `TIME STREAM TEXT`. The text may be any bytes.")
            .content("application/octet-stream", Content::default())
            .build();
        page.headers.extend([
            header::<u64>(LOG_START, "The cursor of the first byte."),
            header::<u64>(LOG_NEXT, "The cursor for the next page, as its `after`."),
            header::<u64>(LOG_SIZE, "The size of the whole log now, in bytes."),
            header::<bool>(LOG_ENDED, "Whether no more lines will come."),
        ]);
        Answers::from([("200".to_owned(), RefOr::T(page))])
    }
}
