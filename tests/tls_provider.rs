//! kube's default TLS crypto provider is ring, the AWS SDK's is aws-lc-rs. With both compiled in, rustls can't choose,
//! and the first TLS client panics.

use std::process::Command;

#[test]
fn the_tree_has_one_tls_crypto_provider() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("crate names are UTF-8");
    let has = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(has("rustls") && has("aws-lc-rs"), "this test looks at the wrong tree");
    for other in ["ring", "openssl", "native-tls"] {
        assert!(
            !has(other),
            "{other} is a second TLS provider: find who brings it with `cargo tree -i {other}`"
        );
    }
}
