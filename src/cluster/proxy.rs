//! Which proxy stands before the API server, if any does: as kubectl chooses it (Go's `httpproxy`).

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Hosts that no variable's proxy is asked for.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

/// The proxy of the kubeconfig's cluster (`proxy-url`), whatever the variables say; else the one that `HTTPS_PROXY` names,
/// or `HTTP_PROXY` for an API server without TLS, unless `NO_PROXY` names the API server's host.
///
/// # Errors
/// When it is no address of a proxy. The message has no password.
pub(super) fn choose(
    api_server: &Uri,
    of_cluster: Option<String>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, String> {
    if let Some(url) = of_cluster.filter(|url| !url.is_empty()) {
        return parse("proxy-url of the kubeconfig", &url).map(Some);
    }
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(|value| (name, value))
        })
    };
    let named = match api_server.scheme_str() {
        Some("http") => first(["HTTP_PROXY", "http_proxy"]),
        _ => first(["HTTPS_PROXY", "https_proxy"]),
    };
    let Some((name, url)) = named else { return Ok(None) };
    let exceptions = first(["NO_PROXY", "no_proxy"]).map(|(_, value)| value);
    if is_excepted(api_server, &exceptions.unwrap_or_default()) {
        return Ok(None);
    }
    parse(name, &url).map(Some)
}

/// Hosts, domains, addresses and networks are matched by the matcher that the AWS SDK's connections use. `*.example.com`
/// and `example.com:6443`, which it doesn't know and Go does, are written as it knows them.
fn is_excepted(api_server: &Uri, exceptions: &str) -> bool {
    let port = api_server.port_u16().unwrap_or(443).to_string();
    let known = exceptions.split(',').map(str::trim).filter_map(|entry| {
        let entry = entry
            .strip_prefix('*')
            .filter(|rest| rest.starts_with('.'))
            .unwrap_or(entry);
        match entry.rsplit_once(':') {
            // An address of IPv6 has more colons than one.
            Some((host, at)) if !host.contains(':') || host.ends_with(']') => {
                (at == port).then(|| host.trim_start_matches('[').trim_end_matches(']'))
            }
            _ => Some(entry),
        }
    });
    let exceptions = known.chain([THIS_MACHINE]).collect::<Vec<_>>().join(",");
    // A proxy for everything, to see what is excepted.
    let matcher = Matcher::builder().all("http://proxy").no(exceptions).build();
    matcher.intercept(api_server).is_none()
}

fn parse(origin: &str, text: &str) -> Result<Uri, String> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let address = "write an address such as http://proxy.example.com:3128";
    let uri: Uri = with_scheme
        .parse()
        .map_err(|error| format!("{origin} can't be read ({error}): {address}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https" | "socks5"), Some(host)) if !host.is_empty() => Ok(uri),
        (Some(scheme), Some(_)) => Err(format!(
            "{origin} has the scheme {scheme:?}: http, https and socks5 are known"
        )),
        _ => Err(format!("{origin} has no host: {address}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API_SERVER: &str = "https://api.example.com:6443";

    fn chosen(
        api_server: &str,
        of_cluster: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<String>, String> {
        let variable = |asked: &str| {
            let found = variables.iter().find(|(name, _)| *name == asked);
            found.map(|(_, value)| (*value).to_owned())
        };
        let chosen = choose(&api_server.parse().unwrap(), of_cluster.map(str::to_owned), &variable);
        chosen.map(|uri| uri.map(|uri| uri.to_string()))
    }

    #[test]
    fn the_proxy_is_the_one_that_kubectl_takes() {
        let https = ("HTTPS_PROXY", "http://proxy:3128");
        let proxy = Some("http://proxy:3128/");
        for (api_server, of_cluster, variables, expected) in [
            (API_SERVER, None, &[][..], None),
            (API_SERVER, None, &[https], proxy),
            (API_SERVER, None, &[("https_proxy", "http://proxy:3128")], proxy),
            (API_SERVER, None, &[("HTTPS_PROXY", "proxy:3128")], proxy),
            (API_SERVER, None, &[("HTTPS_PROXY", "")], None),
            (API_SERVER, None, &[("HTTP_PROXY", "http://proxy:3128")], None),
            (
                "http://api.example.com",
                None,
                &[("HTTP_PROXY", "http://proxy:3128")],
                proxy,
            ),
            (
                API_SERVER,
                Some("socks5://other:1080"),
                &[],
                Some("socks5://other:1080/"),
            ),
            // What the kubeconfig says is meant for this cluster.
            (
                API_SERVER,
                Some("http://other"),
                &[https, ("NO_PROXY", "*")],
                Some("http://other/"),
            ),
            // Nobody's proxy reaches this machine.
            ("https://127.0.0.1:6443", None, &[https], None),
            ("https://[::1]:6443", None, &[https], None),
            ("https://localhost:6443", None, &[https], None),
        ] {
            let chosen = chosen(api_server, of_cluster, variables);
            assert_eq!(
                chosen,
                Ok(expected.map(str::to_owned)),
                "{api_server} {of_cluster:?} {variables:?}"
            );
        }
    }

    #[test]
    fn no_proxy_is_judged_by_the_host_of_the_api_server() {
        for (no_proxy, api_server, is_excepted) in [
            ("api.example.com", API_SERVER, true),
            ("example.com", API_SERVER, true),
            (".example.com", API_SERVER, true),
            ("*.example.com", API_SERVER, true),
            ("*", API_SERVER, true),
            ("api.example.com:6443", API_SERVER, true),
            ("a.example.org, api.example.com ,", API_SERVER, true),
            ("10.0.0.0/8", "https://10.96.0.1", true),
            ("10.96.0.1", "https://10.96.0.1", true),
            ("10.96.0.1:443", "https://10.96.0.1", true),
            ("fd00::/8", "https://[fd00::1]:6443", true),
            ("fd00::1", "https://[fd00::1]:6443", true),
            ("[fd00::1]:6443", "https://[fd00::1]:6443", true),
            ("", API_SERVER, false),
            (",", API_SERVER, false),
            // The proxy's own host says nothing of the API server.
            ("proxy", API_SERVER, false),
            ("api.example.com:443", API_SERVER, false),
            ("example.org", API_SERVER, false),
            ("10.0.0.0/8", "https://192.168.0.1", false),
        ] {
            let variables = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", no_proxy)];
            let chosen = chosen(api_server, None, &variables).unwrap();
            assert_eq!(chosen.is_none(), is_excepted, "{no_proxy:?} {api_server}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for url in [
            "ftp://user:secret@proxy",
            "http://",
            "http://user:secret@pro xy",
            "user:secret@",
        ] {
            let problem = chosen(API_SERVER, None, &[("HTTPS_PROXY", url)]).unwrap_err();
            assert!(
                problem.contains("HTTPS_PROXY") && !problem.contains("secret"),
                "{url}: {problem}"
            );
        }
    }
}
