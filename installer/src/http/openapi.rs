//! The OpenAPI document, made of the table of routes and the types of the bodies.

use axum::Json;
use serde_json::Value;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, Ref, Required, ResponseBuilder, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::types::{
    ApiError, AppConfig, AppPreflights, AppRequest, ConfigValuesBody, Health, Infra,
    InstallationConfig, InstallationConfigBody, LogPage, LoginRequest, LoginResponse,
    NetworkInterfaces, StateBody, Status, StepWithLogs,
};
use super::{ASIDES, Aside, ROUTES, Route, SERVED, Verb};

/// A body of a request or an answer.
type Shape = Option<&'static str>;

/// What an operation takes, gives and may be refused with.
struct Operation {
    method: &'static str,
    path: String,
    id: String,
    tag: &'static str,
    about: &'static str,
    request: Shape,
    reply: Shape,
    query: Option<(&'static str, Type, &'static str)>,
    refusals: &'static [u16],
    is_open: bool,
}

const COMMON: &[u16] = &[401, 500];
const RETRY: Option<(&'static str, Type, &'static str)> =
    Some(("retry", Type::String, "`true` leaves a failed state"));
const AFTER: Option<(&'static str, Type, &'static str)> =
    Some(("after", Type::Integer, "the cursor to go on from"));

/// `GET /api/swagger/doc.json`.
pub(super) async fn get() -> Json<Value> {
    Json(document())
}

/// The document of every target and mode.
pub(crate) fn document() -> Value {
    serde_json::to_value(build()).unwrap_or_default()
}

fn build() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for operation in operations() {
        let method = match operation.method {
            "post" => HttpMethod::Post,
            "patch" => HttpMethod::Patch,
            _ => HttpMethod::Get,
        };
        let path = operation.path.clone();
        paths = paths.path(path, PathItem::new(method, described(operation)));
    }
    let mut components = ComponentsBuilder::new();
    macro_rules! schemas {
        ($($name:ident),* $(,)?) => {
            $(components = components.schema(stringify!($name), <$name as PartialSchema>::schema());
              let mut below = Vec::new();
              <$name as ToSchema>::schemas(&mut below);
              components = components.schemas_from_iter(below);)*
        };
    }
    schemas!(
        ApiError,
        AppConfig,
        AppPreflights,
        AppRequest,
        ConfigValuesBody,
        Health,
        Infra,
        InstallationConfig,
        InstallationConfigBody,
        LogPage,
        LoginRequest,
        LoginResponse,
        NetworkInterfaces,
        StateBody,
        Status,
        StepWithLogs,
    );
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("Installer API").version("0.1").build())
        .servers(Some([ServerBuilder::new().url("/api").build()]))
        .paths(paths.build())
        .components(Some(components.security_scheme("bearerauth", scheme).build()))
        .build()
}

fn described(operation: Operation) -> OperationBuilder {
    let json = |name: &str| ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
    let mut built = OperationBuilder::new()
        .operation_id(Some(operation.id))
        .tag(operation.tag)
        .summary(Some(operation.about));
    if let Some(name) = operation.request {
        let body = RequestBodyBuilder::new()
            .content("application/json", json(name))
            .required(Some(Required::True));
        built = built.request_body(Some(body.build()));
    }
    if let Some((name, kind, about)) = operation.query {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(about))
            .schema(Some(ObjectBuilder::new().schema_type(kind)));
        built = built.parameter(parameter);
    }
    let reply = ResponseBuilder::new().description("done");
    let reply = match operation.reply {
        Some("text/event-stream") => {
            let text = ObjectBuilder::new().schema_type(Type::String);
            reply.content("text/event-stream", ContentBuilder::new().schema(Some(text)).build())
        }
        Some(name) => reply.content("application/json", json(name)),
        None => reply.content("application/json", ContentBuilder::new().build()),
    };
    if operation.refusals.first() != Some(&0) {
        built = built.response("200", reply);
    }
    let common: &[u16] = if operation.is_open { &[] } else { COMMON };
    for status in operation.refusals.iter().filter(|it| **it != 0).chain(common) {
        let response = ResponseBuilder::new()
            .description("refused")
            .content("application/json", json("ApiError"));
        built = built.response(status.to_string(), response);
    }
    if !operation.is_open {
        built = built.security(SecurityRequirement::new("bearerauth", Vec::<String>::new()));
    }
    built
}

fn operations() -> Vec<Operation> {
    let open = |method, path: &str, about, request, reply, refusals| Operation {
        method,
        path: path.to_owned(),
        id: path.trim_start_matches('/').replace(['/', '-', '.'], "_"),
        tag: "general",
        about,
        request,
        reply,
        query: None,
        refusals,
        is_open: true,
    };
    let general = |path: &str, about, reply, query, refusals| Operation {
        query,
        is_open: false,
        ..open("get", path, about, None, reply, refusals)
    };
    let mut operations = vec![
        open("get", "/health", "Whether the server answers", None, Some("Health"), &[]),
        open("get", "/swagger/doc.json", "This document", None, None, &[]),
        open(
            "post",
            "/auth/login",
            "A token for the password",
            Some("LoginRequest"),
            Some("LoginResponse"),
            &[400, 401, 413, 429, 500],
        ),
        general(
            "/console/available-network-interfaces",
            "The machine's network interfaces",
            Some("NetworkInterfaces"),
            None,
            &[],
        ),
        general(
            "/state",
            "Where the run is and what may be asked for",
            Some("StateBody"),
            None,
            &[],
        ),
        general(
            "/events",
            "What happened, then what happens",
            Some("text/event-stream"),
            AFTER,
            &[400],
        ),
    ];
    let of_flow = |route: &Route, path: String| {
        let (request, reply, query, refusals) = shapes(route);
        let name = path.trim_start_matches('/').replace(['/', '-'], "_");
        Operation {
            method: route.method,
            id: format!("{}_{name}", route.method),
            tag: if path.starts_with("/linux/") { "linux" } else { "kubernetes" },
            path,
            about: route.about,
            request,
            reply,
            query,
            refusals,
            is_open: false,
        }
    };
    for (target, mode) in SERVED {
        let below = format!("/{}/{}", target.as_str(), mode.as_str());
        let routes = ROUTES.iter().filter(|it| it.is_of(target, mode));
        operations.extend(routes.map(|it| of_flow(it, format!("{below}{}", it.path))));
    }
    for Aside { route, .. } in &ASIDES {
        // One of them is a real route of another mode, which declares the probe's 404 as well.
        let is_there = |it: &Operation| it.path == route.path && it.method == route.method;
        if !operations.iter().any(is_there) {
            operations.push(of_flow(route, route.path.to_owned()));
        }
    }
    operations
}

type Shapes = (Shape, Shape, Option<(&'static str, Type, &'static str)>, &'static [u16]);

fn shapes(route: &Route) -> Shapes {
    let logs = (None, Some("LogPage"), AFTER, [400].as_slice());
    match route.verb {
        Verb::ConfigTemplate => (Some("ConfigValuesBody"), Some("AppConfig"), None, &[400, 413]),
        Verb::ConfigValues => (None, Some("ConfigValuesBody"), None, &[]),
        Verb::ConfigPatch => {
            (Some("ConfigValuesBody"), Some("ConfigValuesBody"), RETRY, &[400, 409, 413])
        }
        // 404 where an upgrade answers the wizard's question for its token.
        Verb::InstallationConfig => (None, Some("InstallationConfigBody"), None, &[404]),
        Verb::TokenProbe => (None, None, None, &[0, 404]),
        Verb::InstallationConfigure => {
            (Some("InstallationConfig"), Some("Status"), RETRY, &[400, 409, 413])
        }
        Verb::InstallationStatus => (None, Some("Status"), None, &[]),
        Verb::InfraSetup => (None, Some("Infra"), RETRY, &[409]),
        Verb::InfraStatus => (None, Some("Infra"), None, &[]),
        // Status 0 first: there is no good answer.
        Verb::InfraRefused | Verb::HostPreflightsRefused => (None, None, None, &[0, 409]),
        Verb::AirgapProcess => (None, Some("StepWithLogs"), RETRY, &[409]),
        Verb::AirgapStatus | Verb::AppStatus => (None, Some("StepWithLogs"), None, &[]),
        Verb::AppPreflightsRun => (None, Some("AppPreflights"), RETRY, &[409]),
        Verb::AppPreflightsStatus => (None, Some("AppPreflights"), None, &[]),
        Verb::AppStart => (Some("AppRequest"), Some("StepWithLogs"), RETRY, &[400, 409, 413]),
        Verb::AppCancel => (None, Some("StepWithLogs"), None, &[409]),
        Verb::AirgapLogs | Verb::InfraLogs | Verb::AppPreflightsLogs | Verb::AppLogs => logs,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_is_as_committed() {
        insta::assert_json_snapshot!(super::document());
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let text = super::document().to_string();
        let names = regex::Regex::new("#/components/schemas/([A-Za-z]+)").expect("an expression");
        let document = super::document();
        for found in names.captures_iter(&text) {
            let name = &found[1];
            assert!(!document["components"]["schemas"][name].is_null(), "{name} is not described");
        }
    }
}
