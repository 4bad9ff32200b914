//! The columns of `kubectl get`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;

/// Name, type, path in the object, description.
pub(super) type Column = (&'static str, &'static str, &'static str, &'static str);

/// Columns that are always shown, and after them those that are shown with `-o wide`.
pub(super) fn columns(narrow: &[Column], wide: &[Column]) -> Vec<CustomResourceColumnDefinition> {
    let narrow = narrow.iter().map(|column| definition(*column, None));
    let wide = wide.iter().map(|column| definition(*column, Some(1)));
    narrow.chain(wide).collect()
}

fn definition((name, type_, json_path, description): Column, priority: Option<i32>) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: json_path.to_owned(),
        description: Some(description.to_owned()),
        priority,
        format: None,
    }
}
