//! What the pages say must be what is tested.

use crate::argocd::{POLICY, TASK};
use crate::generated::root;

const PAGES: [(&str, &str); 7] = [
    ("argocd.md", include_str!("../../docs/argocd.md")),
    ("gitops.md", include_str!("../../docs/gitops.md")),
    ("flux.md", include_str!("../../docs/flux.md")),
    ("install.md", include_str!("../../docs/install.md")),
    ("operating.md", include_str!("../../docs/operating.md")),
    ("platforms.md", include_str!("../../docs/platforms.md")),
    ("troubleshooting.md", include_str!("../../docs/troubleshooting.md")),
];

/// The tables of health and actions, row by row in the order of the states.
#[test]
fn the_tables_of_argo_cd_are_the_tested_ones() {
    let (_, page) = PAGES[0];
    for (kind, title) in [(&TASK, "state of a task"), (&POLICY, "state of a policy")] {
        let header = format!("| {title} | health | actions |");
        let rows: Vec<Vec<&str>> = page
            .lines()
            .skip_while(|line| *line != header)
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .map(|line| line.split('|').map(str::trim).collect())
            .collect();
        assert_eq!(rows.len(), kind.states.len(), "{}", kind.name);
        for (row, state) in rows.iter().zip(kind.states) {
            let actions = match state.actions {
                [] => "none".to_owned(),
                actions => actions.join(", "),
            };
            assert_eq!(
                (row[2], row[3]),
                (state.health, actions.as_str()),
                "{}: {}",
                state.name,
                row[1]
            );
        }
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for (name, page) in PAGES {
        for link in page.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if !target.is_empty() && !target.starts_with("http") {
                assert!(
                    root().join("docs").join(target).exists(),
                    "docs/{name} links to {target}"
                );
            }
        }
    }
}

/// The commands that the tests of this program run are the ones that the pages show.
#[test]
fn the_commands_are_the_tested_ones() {
    for (page, command) in [
        (
            PAGES[0].1,
            "kubectl --namespace argocd patch configmap argocd-cm --patch-file gitops/argocd/argocd-cm.yaml",
        ),
        (
            PAGES[1].1,
            "kubectl wait amp/nightly --for=condition=Compliant --timeout=48h",
        ),
        (PAGES[3].1, "kubectl apply --server-side -k deploy/kustomize/example"),
    ] {
        assert!(page.lines().any(|line| line == command), "no page shows: {command}");
    }
}
