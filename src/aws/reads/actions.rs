//! Mitigation actions, as they are defined and as they were applied.

use std::collections::BTreeMap;

use aws_sdk_iot::operation::describe_mitigation_action::DescribeMitigationActionOutput;
use aws_sdk_iot::types::{MitigationAction, MitigationActionParams};

use super::super::times::whole_seconds;
use super::{MAX_ARN, MAX_NAME, Unexpected, exact};
use crate::core::answer::ActionDefinition;

/// The most mitigation actions of an account.
const MAX_ACTIONS: usize = 100;

/// Nobody could approve what isn't shown, and a change of it would change no hash.
const UNKNOWN_PARAMETERS: Unexpected = Unexpected {
    what: "parameters of an action that this version of the operator doesn't know",
    advice: "so that it can't say what the action does; use a version that knows them",
};

/// `DescribeMitigationAction`'s answer for the action of this name.
pub(super) fn defined(name: &str, output: DescribeMitigationActionOutput) -> Result<ActionDefinition, Unexpected> {
    let type_ = output.action_type.map(|type_| type_.as_str().to_owned());
    Ok(ActionDefinition {
        type_: exact(type_, MAX_NAME, "a type that no action can have")?,
        last_modified: output.last_modified_date.as_ref().and_then(whole_seconds),
        ..definition(
            output.action_name.or_else(|| Some(name.to_owned())),
            output.action_id,
            output.role_arn,
            output.action_params,
        )?
    })
}

/// The actions of a task as they were applied; none where the service doesn't tell, or tells what nobody could compare.
pub(in crate::aws) fn applied(actions: Option<Vec<MitigationAction>>) -> Option<Vec<ActionDefinition>> {
    let actions = actions.filter(|actions| (1..=MAX_ACTIONS).contains(&actions.len()))?;
    let definitions = actions
        .into_iter()
        .map(|action| definition(action.name, action.id, action.role_arn, action.action_params));
    definitions.collect::<Result<_, _>>().ok()
}

fn definition(
    name: Option<String>,
    id: Option<String>,
    role_arn: Option<String>,
    params: Option<MitigationActionParams>,
) -> Result<ActionDefinition, Unexpected> {
    let no_name = "a name that no action can have";
    Ok(ActionDefinition {
        name: exact(name, MAX_NAME, no_name)?.ok_or(Unexpected::by_the_model(no_name))?,
        id: exact(id, MAX_ARN, "an id that no action can have")?,
        role_arn: exact(role_arn, MAX_ARN, "an ARN that no role can have")?,
        parameters: parameters(params)?,
        ..ActionDefinition::default()
    })
}

/// The leaves by their own names. An action has parameters of one kind, which has at least one leaf.
fn parameters(params: Option<MitigationActionParams>) -> Result<BTreeMap<String, String>, Unexpected> {
    let params = params.ok_or(UNKNOWN_PARAMETERS)?;
    let mut leaves = Vec::new();
    if let Some(params) = params.update_device_certificate_params {
        leaves.push(("action", Some(params.action.as_str().to_owned())));
    }
    if let Some(params) = params.update_ca_certificate_params {
        leaves.push(("action", Some(params.action.as_str().to_owned())));
    }
    if let Some(params) = params.add_things_to_thing_group_params {
        leaves.push(("thingGroupNames", Some(joined(&params.thing_group_names)?)));
        let overrides = params.override_dynamic_groups.map(|overrides| overrides.to_string());
        leaves.push(("overrideDynamicGroups", overrides));
    }
    if let Some(params) = params.replace_default_policy_version_params {
        leaves.push(("templateName", Some(params.template_name.as_str().to_owned())));
    }
    if let Some(params) = params.enable_io_t_logging_params {
        leaves.push(("roleArnForLogging", Some(params.role_arn_for_logging)));
        leaves.push(("logLevel", Some(params.log_level.as_str().to_owned())));
    }
    if let Some(params) = params.publish_finding_to_sns_params {
        leaves.push(("topicArn", Some(params.topic_arn)));
    }
    let mut parameters = BTreeMap::new();
    for (name, text) in leaves {
        let text = exact(text, MAX_ARN, "a parameter that no action can have")?;
        if text.is_some_and(|text| parameters.insert(name.to_owned(), text).is_some()) {
            return Err(Unexpected::by_the_model("an action with parameters of two kinds"));
        }
    }
    Some(parameters)
        .filter(|parameters| !parameters.is_empty())
        .ok_or(UNKNOWN_PARAMETERS)
}

/// A comma in a name would make two lists look alike.
fn joined(names: &[String]) -> Result<String, Unexpected> {
    if names.iter().any(|name| name.contains(',')) {
        return Err(Unexpected::by_the_model("the name of a thing group with a comma"));
    }
    Ok(names.join(","))
}
