//! Mitigation actions: their definitions, and the operations on them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::ServiceError;
use crate::catalogue::CatalogueError;
use crate::clock;
use crate::input::text;
use crate::lists::page;
use crate::scope::Scope;
use crate::state::State;

/// Actions that an account can have.
const ACTIONS: usize = 100;

/// The member of `actionParams` that each type of action has.
const TYPES: &[(&str, &str)] = &[
    ("updateDeviceCertificateParams", "UPDATE_DEVICE_CERTIFICATE"),
    ("updateCACertificateParams", "UPDATE_CA_CERTIFICATE"),
    ("addThingsToThingGroupParams", "ADD_THINGS_TO_THING_GROUP"),
    ("replaceDefaultPolicyVersionParams", "REPLACE_DEFAULT_POLICY_VERSION"),
    ("enableIoTLoggingParams", "ENABLE_IOT_LOGGING"),
    ("publishFindingToSnsParams", "PUBLISH_FINDING_TO_SNS"),
];

/// A mitigation action: the answer of `DescribeMitigationAction`, with what the simulator reads of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Its name.
    pub action_name: String,
    /// Its id.
    pub action_id: String,
    /// What it does.
    pub action_type: String,
    /// The role that it works with.
    pub role_arn: String,
    /// What it needs to know.
    pub action_params: Value,
    /// When it was defined, in epoch seconds; now, if not given.
    #[serde(default)]
    pub creation_date: f64,
    /// When it was last changed, in epoch seconds; now, if not given.
    #[serde(default)]
    pub last_modified_date: f64,
}

/// What is changed of an action.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Redefinition {
    /// Another role.
    pub role_arn: Option<String>,
    /// Other parameters; the type follows from them.
    pub action_params: Option<Value>,
    /// Whether it gets another id, as if it had been deleted and created again.
    pub new_id: bool,
}

impl Action {
    /// An action that the simulator makes up.
    pub(crate) fn made_up(name: &str, kind: &str, params: Value, time: Timestamp) -> Self {
        Self {
            action_name: name.to_owned(),
            action_id: format!("id-of-{name}"),
            action_type: kind.to_owned(),
            role_arn: format!("arn:aws:iam::123456789012:role/Mitigation{name}"),
            action_params: params,
            creation_date: clock::epoch(time),
            last_modified_date: clock::epoch(time),
        }
    }

    /// What stands for an action that nobody has defined.
    pub(crate) fn unknown(name: &str, time: Timestamp) -> Self {
        let topic = format!("arn:aws:sns:eu-west-1:123456789012:{name}");
        let params = json!({"publishFindingToSnsParams": {"topicArn": topic}});
        Self::made_up(name, "PUBLISH_FINDING_TO_SNS", params, time)
    }

    /// Gives it the dates that it lacks.
    pub(crate) fn date(&mut self, now: Timestamp) {
        for date in [&mut self.creation_date, &mut self.last_modified_date] {
            if *date <= 0.0 {
                *date = clock::epoch(now);
            }
        }
    }

    /// Its definition as `DescribeAuditMitigationActionsTask` tells it.
    pub(crate) fn as_applied(&self) -> Value {
        json!({
            "name": self.action_name,
            "id": self.action_id,
            "roleArn": self.role_arn,
            "actionParams": self.action_params,
        })
    }
}

/// The type of an action with these parameters, of which there must be one kind.
fn type_of(params: &Value) -> Result<&'static str, ServiceError> {
    let given: Vec<&'static str> = params
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .filter_map(|(name, _)| TYPES.iter().find(|(member, _)| member == name))
        .map(|(_, kind)| *kind)
        .collect();
    match given.as_slice() {
        [kind] => Ok(kind),
        _ => Err(ServiceError::invalid(
            "actionParams must have the parameters of exactly one type of action.",
        )),
    }
}

fn name(input: &Value) -> &str {
    text(input, "actionName").unwrap_or_default()
}

fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("mitigationaction", name)
}

impl State {
    /// Changes an action, from now on.
    pub(crate) fn redefine_action(
        &mut self,
        now: Timestamp,
        name: &str,
        change: Redefinition,
    ) -> Result<Action, CatalogueError> {
        let action = self.catalogue.actions.get(name);
        let mut action = action.cloned().ok_or_else(|| CatalogueError::missing("action", name))?;
        if let Some(params) = change.action_params {
            let kind = type_of(&params).map_err(|error| CatalogueError::Invalid {
                what: "action",
                why: error.message,
            })?;
            kind.clone_into(&mut action.action_type);
            action.action_params = params;
        }
        action.role_arn = change.role_arn.unwrap_or(action.role_arn);
        action.last_modified_date = clock::epoch(now);
        if change.new_id {
            action.action_id.push_str("-again");
            action.creation_date = action.last_modified_date;
        }
        self.catalogue.add_action(&self.model, action.clone(), now)?;
        Ok(action)
    }

    pub(crate) fn list_actions(&self, scope: &Scope, input: &Value) -> Result<Value, ServiceError> {
        let found = self.catalogue.actions.values();
        let found = found.filter(|action| text(input, "actionType").is_none_or(|kind| action.action_type == kind));
        let items: Vec<Value> = found
            .map(|action| {
                let arn = arn(scope, &action.action_name);
                json!({"actionName": action.action_name, "actionArn": arn, "creationDate": action.creation_date})
            })
            .collect();
        page("actionIdentifiers", &items, input)
    }

    pub(crate) fn describe_action(&self, scope: &Scope, input: &Value) -> Result<Value, ServiceError> {
        let action = self.catalogue.actions.get(name(input));
        let mut answer = json!(action.ok_or_else(ServiceError::not_found)?);
        if let Some(members) = answer.as_object_mut() {
            members.insert("actionArn".to_owned(), json!(arn(scope, name(input))));
        }
        Ok(answer)
    }

    pub(crate) fn create_action(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let name = name(input);
        if self.catalogue.actions.contains_key(name) {
            return Err(ServiceError::resource_exists(name));
        }
        if self.catalogue.actions.len() >= ACTIONS {
            return Err(ServiceError::too_many("mitigation actions"));
        }
        let params = input.get("actionParams").cloned().unwrap_or_default();
        let mut action = Action::made_up(name, type_of(&params)?, params, now);
        text(input, "roleArn")
            .unwrap_or_default()
            .clone_into(&mut action.role_arn);
        let answer = json!({"actionArn": arn(scope, name), "actionId": action.action_id});
        self.catalogue
            .add_action(&self.model, action, now)
            .map_err(|error| ServiceError::invalid(error.to_string()))?;
        Ok(answer)
    }

    pub(crate) fn update_action(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let change = Redefinition {
            role_arn: text(input, "roleArn").map(str::to_owned),
            action_params: input.get("actionParams").filter(|params| !params.is_null()).cloned(),
            new_id: !self.config.settings.readings.update_keeps_action_id,
        };
        match self.redefine_action(now, name(input), change) {
            Ok(action) => Ok(json!({"actionArn": arn(scope, name(input)), "actionId": action.action_id})),
            Err(CatalogueError::Missing { .. }) => Err(ServiceError::not_found()),
            Err(CatalogueError::Invalid { why, .. }) => Err(ServiceError::invalid(why)),
        }
    }

    /// The service declares no error for an action that isn't there.
    pub(crate) fn delete_action(&mut self, input: &Value) -> Value {
        self.catalogue.actions.remove(name(input));
        json!({})
    }
}
