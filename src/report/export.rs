//! What an export says: the report that lies in the folder, the summary on the terminal, and the same for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::document;
use super::tables::{table, trimmed};
use crate::export::kubernetes::{Export, Fate, Left, Origin, Secret};
use crate::world::time::Timestamp;

/// What a cluster does otherwise than an engine whatever the definition says.
const EVERYWHERE: &[&str] = &[
    "Everything is started at once. Who waits for a gate does so in an init container; a job that was done before counts as done, also \
     when a newer one is still at work.",
    "A new claim is empty: what the image has in that folder is not copied into it.",
    "Pods are replaced, never changed; whatever is written outside of a claim is gone with the pod.",
    "The way out of a network leads to public addresses alone, not to other machines of the place and not to the cloud's own address \
     for credentials.",
    "Names are asked for in the namespace kube-system, port 53. Where a cluster answers elsewhere (a cache on each node, another port), \
     base/network-policies.yaml has to say so, or nothing finds anything.",
    "A changed Secret reaches a pod when it is started again (`kubectl rollout restart`); a changed ConfigMap has another name, and the \
     pods follow.",
    "A start may take ten minutes, longer where the health check says so; what takes longer is killed and started again.",
    "Policies, the autoscaler and ReadWriteMany need a cluster that has them: a network plugin that heeds NetworkPolicy, metrics-server, a \
     StorageClass. `overlays/production` wants Kubernetes 1.30: before it ends, a pod that scales goes on for five seconds, in which \
     balancers hear of it.",
    "The init container that asks whether a job is done has the job's variables and secrets, and those of its volumes that its own pod \
     has; no other container of the pod sees them.",
];

/// `REPORT.md` of the folder.
pub fn markdown(export: &Export) -> String {
    let mut text = format!(
        "# {} on Kubernetes\n\nWritten by `pdex export kubernetes`; the next export replaces this folder. `base` says what the definition says, \
         `overlays/dev`\nhas one pod of everything, `overlays/production` scales, has an Ingress and promises memory to nobody twice.\n\n",
        export.project
    );
    text.push_str("| kind | objects |\n|---|---:|\n");
    for (kind, count) in &export.kinds {
        let _ = writeln!(text, "| {kind} | {count} |");
    }
    text.push_str(&images(&export.images));
    text.push_str(&secrets(export));
    text.push_str(&applying(export));
    text.push_str(&told(&export.left, Fate::Lost, "What has no equivalent and is not there"));
    text.push_str(&told(&export.left, Fate::Changed, "What stands otherwise"));
    text.push_str("\n## What is otherwise on any cluster\n");
    for line in EVERYWHERE {
        let _ = writeln!(text, "- {line}");
    }
    text
}

fn images(images: &[(String, String)]) -> String {
    if images.is_empty() {
        return String::new();
    }
    let mut text = "\n## Images to push\npdex builds these (`pdex build`); the cluster has to find them in a registry.\n\n```console\n".to_owned();
    for (here, there) in images {
        if here != there {
            let _ = writeln!(text, "$ docker tag {here} {there}");
        }
        let _ = writeln!(text, "$ docker push {there}");
    }
    text.push_str("```\n");
    if images.iter().any(|(here, there)| here == there) {
        text.push_str("`--image-registry PREFIX` puts the registry into the manifests.\n");
    }
    text
}

fn secrets(export: &Export) -> String {
    if export.secrets.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## Secrets to make\nNo value of a secret is in this folder. In bash, in the project's folder, for production (`{0}-dev` for dev); the values are passed\n\
         as files, so that none is an argument that others see:\n\n```console\n$ kubectl create namespace {0}\n",
        export.namespace
    );
    let origins = || export.secrets.iter().flat_map(|secret| secret.keys.values());
    if origins().any(|origin| matches!(origin, Origin::Variable(_))) {
        text.push_str("$ set -a; . ./.env; set +a\n");
    }
    for secret in &export.secrets {
        text.push_str(&making(&export.namespace, secret));
    }
    text + "```\n"
}

/// The command that makes a Secret.
fn making(namespace: &str, secret: &Secret) -> String {
    let name = &secret.name;
    if secret.keys.values().any(|origin| *origin == Origin::Certificate) {
        return format!(
            "$ kubectl -n {namespace} create secret tls {name} --cert=CERTIFICATE.pem --key=KEY.pem\n"
        );
    }
    let mut text = format!("$ kubectl -n {namespace} create secret generic {name}");
    for (key, origin) in &secret.keys {
        text.push_str(" \\\n    ");
        let _ = match origin {
            Origin::Variable(variable) => write!(text, "--from-file={key}=<(printf %s \"${variable}\")"),
            Origin::File(path) => write!(text, "--from-file={key}={path}"),
            Origin::Folder(path) => write!(text, "--from-file={path}"),
            Origin::Attribute(path) => write!(text, "--from-file={key}=FILE_WITH_THE_VALUE_OF:{path}"),
            Origin::Certificate => Ok(()),
        };
    }
    text.push('\n');
    text
}

fn applying(export: &Export) -> String {
    let mut text = format!(
        "\n## Applying\n```console\n$ kubectl apply -k overlays/dev            # or overlays/production\n$ kubectl -n {}-dev get pods --watch\n",
        export.namespace
    );
    for (service, target, published) in &export.forwards {
        let _ = writeln!(
            text,
            "$ kubectl -n {}-dev port-forward service/{service} {published}:{target}",
            export.namespace
        );
    }
    text.push_str("```\n");
    if !export.jobs.is_empty() {
        let _ = writeln!(
            text,
            "A Job cannot be changed: before an apply that changes one, `kubectl -n {}-dev delete job {}`.",
            export.namespace,
            export.jobs.join(" ")
        );
    }
    text
}

/// What became of things, by what there is to say: the same thing of several services is said once.
fn grouped(left: &[Left], fate: Fate) -> BTreeMap<&str, Vec<&Left>> {
    let mut groups: BTreeMap<&str, Vec<&Left>> = BTreeMap::new();
    for one in left.iter().filter(|left| left.fate == fate) {
        groups.entry(&one.what).or_default().push(one);
    }
    groups
}

fn told(left: &[Left], fate: Fate, title: &str) -> String {
    let groups = grouped(left, fate);
    if groups.is_empty() {
        return String::new();
    }
    let mut text = format!("\n## {title}\n");
    for (what, places) in groups {
        let _ = writeln!(text, "- {what}");
        for one in places {
            let place = one.place.as_ref().map(|place| format!(" ({}:{})", place.file.display(), place.line));
            let _ = writeln!(text, "  - `{}`{}", one.path, place.unwrap_or_default());
        }
    }
    text
}

/// The summary for a person.
pub fn summary(export: &Export, folder: &str) -> String {
    let mut rows = table(&["kind", "objects"]);
    for (kind, count) in &export.kinds {
        rows.add_row([kind.clone(), count.to_string()]);
    }
    let mut text = format!("wrote {} files to {folder}\n{}\n", export.files.len(), trimmed(&rows));
    let lost = grouped(&export.left, Fate::Lost);
    if !lost.is_empty() {
        text.push_str("\nno equivalent, not exported:\n");
    }
    for (what, places) in lost {
        let paths: Vec<&str> = places.iter().map(|one| one.path.as_str()).collect();
        let _ = writeln!(text, "  {}: {what}", paths.join(", "));
    }
    let changed = grouped(&export.left, Fate::Changed).len();
    let _ = writeln!(
        text,
        "\n{folder}/REPORT.md has the places of these, {changed} more remarks, and the commands: {} to push, {} to make, then\n  \
         kubectl apply -k {folder}/overlays/dev",
        counted(export.images.len(), "image"),
        counted(export.secrets.len(), "Secret"),
    );
    text
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The same for programs.
pub fn json(export: &Export, folder: &str, now: Timestamp) -> Value {
    let left: Vec<Value> = export
        .left
        .iter()
        .map(|one| {
            json!({
                "attribute": one.path,
                "exported": one.fate == Fate::Changed,
                "file": one.place.as_ref().map(|place| &place.file),
                "line": one.place.as_ref().map(|place| place.line),
                "what": one.what,
            })
        })
        .collect();
    let secrets: BTreeMap<&str, Vec<&String>> =
        export.secrets.iter().map(|secret| (secret.name.as_str(), secret.keys.keys().collect())).collect();
    let images: Vec<&String> = export.images.iter().map(|(_, there)| there).collect();
    document(
        now,
        json!({
            "project": export.project,
            "folder": folder,
            "files": export.files.keys().collect::<Vec<_>>(),
            "objects": export.kinds,
            "images_to_push": images,
            "secrets_to_make": secrets,
            "remarks": left,
        }),
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::finding::Place;

    fn left(path: &str, line: usize) -> Left {
        let place = Place { file: PathBuf::from("stack.yaml"), line, column: 3 };
        Left {
            fate: Fate::Lost,
            place: Some(place),
            path: path.to_owned(),
            what: "pods are named by others".to_owned(),
        }
    }

    #[test]
    fn what_is_said_twice_is_said_once_with_both_places() {
        let text = told(
            &[left("services.a.container_name", 4), left("services.b.container_name", 9)],
            Fate::Lost,
            "Lost",
        );
        assert_eq!(
            text,
            "\n## Lost\n- pods are named by others\n  - `services.a.container_name` (stack.yaml:4)\n  - `services.b.container_name` (stack.yaml:9)\n"
        );
        assert_eq!(told(&[], Fate::Lost, "Lost"), "");
    }

    #[test]
    fn a_secret_is_made_without_its_value_on_the_command_line() {
        let keys = [
            ("PASSWORD".to_owned(), Origin::Variable("DB_PASSWORD".to_owned())),
            ("key".to_owned(), Origin::File("secrets/key".to_owned())),
        ];
        let secret = Secret { name: "credentials".to_owned(), keys: keys.into() };
        assert_eq!(
            making("shop", &secret),
            "$ kubectl -n shop create secret generic credentials \\\n    --from-file=PASSWORD=<(printf %s \"$DB_PASSWORD\") \\\n    \
             --from-file=key=secrets/key\n"
        );
    }
}
