//! Charts rendered by Helm, and the checkers of manifests and compose files: what they say.

use crate::parts::script;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The version of Kubernetes that charts are rendered and checked for: the newest that `kubernetes-validate` knows.
pub const KUBERNETES: &str = "1.37.0";
/// The oldest that the chart is meant for.
pub const OLDEST: &str = "1.25.0";

fn tool(arguments: &[&str]) -> Output {
    Command::new(script()).args(arguments).output().expect("tests/tools/real can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn passes(arguments: &[&str]) {
    let output = tool(arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{}:\n{said}", arguments.join(" "));
}

/// The manifests of a chart with a file of values and further arguments; or why Helm does not make any.
///
/// # Errors
/// The values do not fit the schema, or a template refuses them: what Helm says.
pub fn render(chart: &Path, values: &Path, more: &[&str]) -> Result<String, String> {
    let (chart, values) = (chart.to_string_lossy(), values.to_string_lossy());
    let fixed = ["helm", "template", "rel", &chart, "--namespace", "revenue", "--kube-version", KUBERNETES, "--values", &values];
    let output = tool(&[&fixed, more].concat());
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Helm's own checks of a chart with a file of values.
///
/// # Panics
/// With what Helm says, if it is not content.
pub fn lint(chart: &Path, values: &Path) {
    passes(&["helm", "lint", "--strict", &chart.to_string_lossy(), "--values", &values.to_string_lossy()]);
}

/// Checks manifests against the schemas of the oldest and of the newest Kubernetes; kinds it does not know are left out.
///
/// # Panics
/// With what it says, if a manifest is not valid.
pub fn check_kubernetes(file: &Path) {
    for version in [OLDEST, KUBERNETES] {
        passes(&["kubernetes-validate", "--strict", "-k", version, &file.to_string_lossy()]);
    }
}

/// What Prometheus' operator takes: the text of its definition of a kind, by its plural.
///
/// # Panics
/// There is none.
pub fn definition(plural: &str) -> String {
    let output = tool(&["definition", plural]);
    assert!(output.status.success(), "{plural}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Checks files against a JSON schema.
///
/// # Panics
/// With what does not fit.
pub fn check_schema(schema: &Path, files: &[PathBuf]) {
    let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
    let schema = schema.to_string_lossy();
    let fixed = ["check-jsonschema", "--schemafile", &schema];
    passes(&fixed.into_iter().chain(files.iter().map(AsRef::as_ref)).collect::<Vec<_>>());
}

/// Checks a file against the specification of compose files.
///
/// # Panics
/// With what is wrong.
pub fn check_compose(file: &Path) {
    passes(&["check-jsonschema", "--builtin-schema", "vendor.compose-spec", &file.to_string_lossy()]);
}
