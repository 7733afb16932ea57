//! The functions that need nothing of the application: sprig's and the original's own.

mod numbers;
mod random;
mod seal;
mod tls;

use gotemplate::{Func, FuncMap, GoTime, Str, Type, Value, sprig};

use super::text::{base64_decode, base64_encode, constant, of_text, of_texts, text};
use super::{TlsPairs, World, cluster};
use crate::yaml;

/// All functions of the static context.
pub(super) fn functions(world: &World, pairs: &TlsPairs) -> FuncMap {
    let mut functions = sprig::funcs();
    functions.insert("now", constant(GoTime::from_timestamp(world.now)));
    let sprig = functions.clone();
    tls::add(&mut functions, &sprig, pairs, world.now);
    texts(&mut functions);
    numbers::add(&mut functions);
    random::add(&mut functions, world.seed);
    functions.insert("KubeSeal", seal::function(world.seed));
    surroundings(&mut functions, world);
    functions
}

fn texts(functions: &mut FuncMap) {
    // Both are Go's own functions, under two names.
    for (name, sprig) in [("ToLower", "lower"), ("ToUpper", "upper"), ("TrimSpace", "trim")] {
        let function = functions.get(sprig).expect("a function of sprig's").clone();
        functions.insert(name, function);
    }
    functions.insert(
        "Trim",
        Func::new([Type::String], |args| Ok(trim(args))).variadic(Type::String).typed(),
    );
    functions.insert("UrlEncode", of_text(|s| query_escape(s).into()));
    functions.insert("Split", of_texts(split));
    functions.insert("Base64Encode", encode());
    functions
        .insert("Base64Decode", of_text(|s| Value::string(base64_decode(s).unwrap_or_default())));
    functions.insert("YamlEscape", of_text(|s| yaml_escape(s).into()));
}

fn encode() -> Func {
    Func::new([Type::String], |args| {
        let bytes = args.first().and_then(Value::as_bytes).unwrap_or_default();
        Ok(base64_encode(bytes).into())
    })
    .typed()
}

fn trim(args: &[Value]) -> Value {
    let subject = text(args, 0);
    if args.len() < 2 {
        return subject.trim().into();
    }
    let cutset = text(args, 1);
    subject.trim_matches(|c| cutset.contains(c)).into()
}

fn split(subject: &str, separator: &str) -> Value {
    let parts: Vec<Str> = if separator.is_empty() {
        subject.chars().map(|c| c.to_string().into()).collect()
    } else {
        subject.split(separator).map(Into::into).collect()
    };
    Value::from(parts)
}

/// `url.QueryEscape`.
fn query_escape(subject: &str) -> String {
    let mut escaped = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            _ => {
                escaped.push('%');
                escaped.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    escaped
}

/// A text as YAML, each line indented by 20 spaces so that it can stand anywhere.
fn yaml_escape(subject: &str) -> String {
    let written = yaml::to_string(&subject).unwrap_or_default();
    let pad = " ".repeat(20);
    format!("{pad}{}", written.replace('\n', &format!("\n{pad}")))
}

fn surroundings(functions: &mut FuncMap, world: &World) {
    let now = GoTime::from_timestamp(world.now);
    functions.insert("Now", constant(format_time(&now, "")));
    functions.insert("NowFmt", of_text(move |layout| format_time(&now, layout).into()));
    functions.insert("Namespace", constant(world.namespace.as_str()));
    let version = world.kots_version.trim_start_matches('v');
    functions.insert("KotsVersion", constant(version));
    functions.insert("HTTPProxy", constant(world.http_proxy.as_str()));
    functions.insert("HTTPSProxy", constant(world.https_proxy.as_str()));
    functions.insert("NoProxy", constant(world.no_proxy.as_str()));
    functions.insert("PrivateCACert", constant(world.private_ca_config_map.as_str()));
    functions.insert("IsKurl", constant(false));
    functions.extend(cluster::functions(&world.cluster));
}

fn format_time(now: &GoTime, layout: &str) -> String {
    now.format(if layout.is_empty() { "2006-01-02T15:04:05Z07:00" } else { layout })
}
