//! The `CustomResourceDefinition`s of all kinds, as text.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::{policy, task};

/// The first lines of a generated file.
const HEADER: &str = "# Generated from the types in src/api. Do not edit.\n";

/// The definitions of all kinds.
pub fn all() -> [CustomResourceDefinition; 2] {
    [task::crd::crd(), policy::crd::crd()]
}

/// All definitions, one document each: what the command `crd` prints.
///
/// # Errors
/// When a definition can't be written as YAML, which would be a defect of this program.
pub fn to_yaml() -> Result<String, serde_saphyr::SerializeError> {
    let documents: Vec<String> = all().iter().map(document).collect::<Result<_, _>>()?;
    Ok(documents.join("---\n"))
}

fn document(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::SerializeError> {
    Ok(format!("{HEADER}{}", serde_saphyr::to_string(crd)?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Set to anything, the test writes the files instead of comparing them.
    const UPDATE: &str = "UPDATE_GENERATED";

    /// One file for each kind, and one with all of them for the chart.
    #[test]
    fn the_generated_files_are_fresh() {
        let of_each = all().map(|crd| (format!("crds/{}.yaml", crd.spec.names.plural), document(&crd).unwrap()));
        let of_the_chart = (
            "charts/audit-mitigation-operator/files/crd.yaml".to_owned(),
            to_yaml().unwrap(),
        );
        for (file, content) in of_each.into_iter().chain([of_the_chart]) {
            let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os(UPDATE).is_some() {
                fs::write(&path, &content).unwrap();
            }
            assert!(
                fs::read_to_string(&path).unwrap_or_default() == content,
                "{file} is stale: run `{UPDATE}=1 cargo test --lib api::crds`"
            );
        }
    }

    #[test]
    fn the_text_is_the_definitions() {
        for crd in all() {
            let read: CustomResourceDefinition = serde_saphyr::from_str(&document(&crd).unwrap()).unwrap();
            assert_eq!(read, crd);
        }
    }

    /// A path that isn't there would lose what is added in silence.
    #[test]
    fn everything_that_is_added_has_arrived() {
        for crd in all() {
            let yaml = document(&crd).unwrap();
            let schema = crd.spec.versions[0].schema.as_ref().unwrap();
            let root = schema.open_api_v3_schema.as_ref().unwrap();
            let rules = root.x_kubernetes_validations.as_ref().unwrap();
            for rule in rules {
                let mistakes = rule.message_expression.as_ref().unwrap().matches(" ? '' : ").count();
                assert!(mistakes > 5, "{mistakes}");
                let message = rule.message.as_ref().unwrap();
                assert!(yaml.contains(message), "{message}");
            }
            assert_eq!(yaml.matches("default:").count(), 2, "deletionPolicy and status");
            let fields = root.properties.as_ref().unwrap();
            for part in ["spec", "status"] {
                let text = fields[part].description.as_ref().unwrap();
                assert!(text.starts_with("What "), "{text}");
            }
        }
    }
}
