//! The rights that the operator needs in the cluster: what the chart grants, no more and no less.

use std::fmt;

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use kube::{Client, Resource as _};

use crate::api::AuditMitigationTask;
use crate::lease::LeaseName;

/// Some verbs on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The API group.
    pub group: &'static str,
    /// The resource's plural, with its subresource: `pods/status`.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
}

/// In each watched namespace.
pub const WATCHED: [Rights; 5] = [
    Rights {
        group: "devicedefender.dev",
        resource: "auditmitigationtasks",
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
    },
    Rights {
        group: "devicedefender.dev",
        resource: "auditmitigationtasks/status",
        verbs: &["patch"],
    },
    Rights {
        group: "devicedefender.dev",
        resource: "auditmitigationpolicies",
        verbs: &["get", "list", "watch"],
    },
    Rights {
        group: "devicedefender.dev",
        resource: "auditmitigationpolicies/status",
        verbs: &["patch"],
    },
    Rights {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
    },
];

/// In the Lease's namespace: before there is a Lease, which has no name then.
pub const LEASES: Rights = Rights {
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: &["create"],
};

/// On the Lease itself.
pub const LEASE: Rights = Rights {
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: &["get", "update"],
};

impl Rights {
    /// The verbs that whoever the client is for may not use; in all namespaces when none is named.
    ///
    /// # Errors
    /// When the API server gives no answer.
    async fn missing(
        &self,
        client: &Client,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<Vec<&'static str>, kube::Error> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (self.resource, None),
        };
        let mut missing = Vec::new();
        for verb in self.verbs {
            let attributes = ResourceAttributes {
                group: Some(self.group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: subresource.map(str::to_owned),
                verb: Some((*verb).to_owned()),
                namespace: namespace.map(str::to_owned),
                name: name.map(str::to_owned),
                ..ResourceAttributes::default()
            };
            let review = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(attributes),
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            let answer = reviews.create(&PostParams::default(), &review).await?;
            if !answer.status.is_some_and(|status| status.allowed) {
                missing.push(*verb);
            }
        }
        Ok(missing)
    }
}

/// Rights on one resource that are missing in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MissingRights {
    rights: Rights,
    verbs: Vec<&'static str>,
    /// The place; all namespaces when none is named.
    pub(super) namespace: Option<String>,
    /// The one object that they are about; any when none is named.
    name: Option<String>,
}

impl MissingRights {
    /// The namespace in which the resources can't be listed or watched for want of these.
    pub(super) fn unlisted_namespace(&self) -> Option<&str> {
        let [tasks, ..] = WATCHED;
        let is_needed = self.rights == tasks && ["list", "watch"].iter().any(|verb| self.verbs.contains(verb));
        self.namespace.as_deref().filter(|_| is_needed)
    }

    /// Whether the leader election needs them.
    pub(super) fn is_of_lease(&self) -> bool {
        [LEASES, LEASE].contains(&self.rights)
    }
}

impl fmt::Display for MissingRights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verbs, resource) = (self.verbs.join(", "), self.rights.resource);
        let name = self.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        let place = self.namespace.as_deref().map_or_else(
            || "in all namespaces".to_owned(),
            |namespace| format!("in the namespace {namespace}"),
        );
        write!(
            formatter,
            "this account may not {verbs} {resource}{name} {place}: grant it as the chart's roles do (rbac.create)"
        )
    }
}

/// The rights that are missing.
///
/// # Errors
/// When the API server gives no answer.
pub(super) async fn missing(
    client: &Client,
    namespaces: &[String],
    lease: Option<&LeaseName>,
) -> Result<Vec<MissingRights>, kube::Error> {
    let mut wanted: Vec<(Rights, Option<&str>, Option<&str>)> = Vec::new();
    let watched: Vec<Option<&str>> = match namespaces {
        [] => vec![None],
        some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    for namespace in watched {
        wanted.extend(WATCHED.map(|rights| (rights, namespace, None)));
    }
    if let Some(lease) = lease {
        wanted.push((LEASES, Some(&lease.namespace), None));
        wanted.push((LEASE, Some(&lease.namespace), Some(&lease.name)));
    }
    let mut found = Vec::new();
    for (rights, namespace, name) in wanted {
        let verbs = rights.missing(client, namespace, name).await?;
        if !verbs.is_empty() {
            found.push(MissingRights {
                rights,
                verbs,
                namespace: namespace.map(str::to_owned),
                name: name.map(str::to_owned),
            });
        }
    }
    Ok(found)
}

/// The definition's name, for messages.
pub(super) fn definition() -> String {
    format!(
        "{}.{}",
        AuditMitigationTask::plural(&()),
        AuditMitigationTask::group(&())
    )
}
