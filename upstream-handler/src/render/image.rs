//! References of images: what they mean, where objects name them, how they are rewritten. Pure.

use airgap::Reference;
use serde_json::Value;

/// Host and path of an image, written out.
pub(crate) fn full_name(image: &Reference) -> String {
    format!("{}/{}", image.host, image.path)
}

/// Whether an image comes from Docker Hub.
pub(crate) fn is_docker_hub(image: &Reference) -> bool {
    image.host == "docker.io" || image.host.ends_with(".docker.io")
}

/// The reference without tag and digest, otherwise as it is written.
pub(crate) fn stripped(image: &str) -> &str {
    let last = image.rfind('/').map_or(0, |at| at + 1);
    let end = image[last..].find(['@', ':']).map_or(image.len(), |at| last + at);
    &image[..end]
}

/// The last part of a reference's path, without tag and digest.
pub(crate) fn short_name(image: &str) -> &str {
    let name = stripped(image);
    name.rsplit('/').next().unwrap_or(name)
}

/// The ways in which a name of Docker Hub may be written, the given one first: kustomize compares texts.
pub(crate) fn spellings(name: &str) -> Vec<String> {
    let Some(hub) = Reference::parse(name).ok().filter(is_docker_hub) else {
        return vec![name.to_owned()];
    };
    let parts: Vec<_> = name.split('/').collect();
    let short = hub.path.strip_prefix("library/");
    let all: Vec<String> = match (short, parts[..].first()) {
        (Some(short), Some(&"docker.io")) if 2 < parts.len() => {
            vec![format!("library/{short}"), short.to_owned(), format!("docker.io/{short}")]
        }
        (Some(short), Some(&"docker.io")) => {
            vec![short.to_owned(), format!("docker.io/library/{short}"), format!("library/{short}")]
        }
        (Some(short), Some(&"library")) => {
            vec![
                short.to_owned(),
                format!("docker.io/{short}"),
                format!("docker.io/library/{short}"),
            ]
        }
        (Some(short), _) => vec![
            format!("docker.io/library/{short}"),
            format!("library/{short}"),
            format!("docker.io/{short}"),
        ],
        (None, Some(&"docker.io")) => vec![parts[1..].join("/")],
        (None, _) => vec![format!("docker.io/{name}")],
    };
    std::iter::once(name.to_owned()).chain(all).collect()
}

/// The images an object runs: those of its pod, or of its template's.
pub(crate) fn of_object(object: &Value) -> Vec<String> {
    let pods: &[&str] = if object.get("kind").and_then(Value::as_str) == Some("Pod") {
        &["/spec"]
    } else {
        &["/spec/template/spec", "/spec/jobTemplate/spec/template/spec"]
    };
    let pods = pods.iter().filter_map(|path| object.pointer(path));
    pods.flat_map(of_pod).collect()
}

/// The images of a pod's spec.
pub(crate) fn of_pod(pod: &Value) -> Vec<String> {
    ["containers", "initContainers"]
        .iter()
        .filter_map(|field| pod.get(field)?.as_array())
        .flatten()
        .filter_map(|it| it.get("image")?.as_str())
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Another name for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// The name as objects write it, without tag and digest.
    pub(crate) name: String,
    /// What is written instead.
    pub(crate) new_name: String,
}

/// Rewrites every image of an object, wherever containers stand in it, and images that are volumes of
/// a pod; tag and digest stay.
pub(crate) fn rewrite(object: &mut Value, rewrites: &[Rewrite]) {
    if rewrites.is_empty()
        || object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition")
    {
        return;
    }
    everywhere(object, rewrites);
    for path in ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"] {
        let volumes = object.pointer_mut(path).and_then(|it| it.get_mut("volumes"));
        for volume in volumes.and_then(Value::as_array_mut).into_iter().flatten() {
            volume.pointer_mut("/image/reference").into_iter().for_each(|it| one(it, rewrites));
        }
    }
}

fn everywhere(value: &mut Value, rewrites: &[Rewrite]) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let (true, Value::Array(list)) =
                    (key == "containers" || key == "initContainers", &mut *value)
                {
                    for container in list {
                        container.get_mut("image").into_iter().for_each(|it| one(it, rewrites));
                    }
                }
                everywhere(value, rewrites);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|it| everywhere(it, rewrites)),
        _ => {}
    }
}

fn one(image: &mut Value, rewrites: &[Rewrite]) {
    let Value::String(image) = image else { return };
    let name = stripped(image);
    if let Some(found) = rewrites.iter().find(|it| it.name == name) {
        *image = format!("{}{}", found.new_name, &image[name.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tag_and_digest_are_cut_off() {
        assert_eq!(stripped("h:5000/a/b:1@sha256:2"), "h:5000/a/b");
        assert_eq!(short_name("h:5000/a/b:1"), "b");
        assert_eq!(stripped("nginx"), "nginx");
    }

    #[test]
    fn docker_hub_has_several_spellings() {
        assert_eq!(
            spellings("nginx"),
            ["nginx", "docker.io/library/nginx", "library/nginx", "docker.io/nginx"]
        );
        assert_eq!(
            spellings("docker.io/library/nginx"),
            ["docker.io/library/nginx", "library/nginx", "nginx", "docker.io/nginx"]
        );
        assert_eq!(
            spellings("docker.io/nginx"),
            ["docker.io/nginx", "nginx", "docker.io/library/nginx", "library/nginx"]
        );
        assert_eq!(
            spellings("library/nginx"),
            ["library/nginx", "nginx", "docker.io/nginx", "docker.io/library/nginx"]
        );
        assert_eq!(spellings("a/b"), ["a/b", "docker.io/a/b"]);
        assert_eq!(spellings("docker.io/a/b"), ["docker.io/a/b", "a/b"]);
        assert_eq!(spellings("quay.io/a/b"), ["quay.io/a/b"]);
    }

    #[test]
    fn images_are_found_and_rewritten() {
        let mut object = json!({"kind": "Thing", "spec": {
            "template": {"spec": {"containers": [{"image": "nginx:1"}], "initContainers": [{"image": "other"}, {}],
                "volumes": [{"image": {"reference": "nginx:2"}}]}},
            "deep": [{"initContainers": [{"image": "nginx@sha256:1"}]}], "image": "nginx"}});
        assert_eq!(of_object(&object), ["nginx:1", "other"]);
        rewrite(&mut object, &[Rewrite { name: "nginx".into(), new_name: "r/nginx".into() }]);
        assert_eq!(
            object["spec"],
            json!({
                "template": {"spec": {"containers": [{"image": "r/nginx:1"}], "initContainers": [{"image": "other"}, {}],
                    "volumes": [{"image": {"reference": "r/nginx:2"}}]}},
                "deep": [{"initContainers": [{"image": "r/nginx@sha256:1"}]}], "image": "nginx"})
        );
    }
}
