//! Puts a bug in where the source has a comment `// mutant: NAME`, into what stands below it.

use std::{ops::Range, str::FromStr as _};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What is done to what stands below the marker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// It is left out: a statement, a call in a chain of calls, or an element of a list.
    Skip,
    /// The condition of the `if` is never true.
    Never,
    /// The condition of the `if` is always true.
    Always,
    /// The constant or variable gets another value.
    Value(&'static str),
}

/// Whether a line is the marker of a mutant, and of which.
pub(super) fn name(line: &str) -> Option<&str> {
    line.trim().strip_prefix("// mutant: ")
}

/// The source with the bug.
pub(super) fn apply(source: &str, mutant: &str, rule: Rule) -> Result<String> {
    let after = end_of_marker(source, mutant)?;
    let tokens = TokenStream::from_str(source).map_err(|error| anyhow!("not Rust: {error}"))?;
    let tokens = below(tokens, after).context("nothing stands below the marker")?;
    let (replaced, replacement) = match rule {
        Rule::Skip => (skipped(&tokens)?, String::new()),
        Rule::Never => condition(source, &tokens, "&& false")?,
        Rule::Always => condition(source, &tokens, "|| true")?,
        Rule::Value(value) => (value_of(&tokens)?, format!(" {value}")),
    };
    let mut source = source.to_owned();
    source.replace_range(replaced, &replacement);
    Ok(source)
}

fn end_of_marker(source: &str, mutant: &str) -> Result<usize> {
    let mut end = 0;
    for line in source.split_inclusive('\n') {
        end += line.len();
        if name(line) == Some(mutant) {
            return Ok(end);
        }
    }
    bail!("no marker `// mutant: {mutant}`")
}

/// The tokens from this place on, up to the end of the innermost brackets around it.
fn below(tokens: TokenStream, after: usize) -> Option<Vec<TokenTree>> {
    let mut rest = Vec::new();
    for token in tokens {
        let span = token.span().byte_range();
        if span.start >= after {
            rest.push(token);
        } else if let TokenTree::Group(group) = &token
            && span.end > after
        {
            return below(group.stream(), after);
        }
    }
    (!rest.is_empty()).then_some(rest)
}

fn skipped(tokens: &[TokenTree]) -> Result<Range<usize>> {
    let start = start(tokens)?;
    let last = match tokens.first() {
        // `.name(…)`
        Some(first) if is(first, '.') => tokens.iter().find(|token| is_group(token, Delimiter::Parenthesis)),
        Some(TokenTree::Ident(word))
            if ["if", "for", "while", "loop", "match"].contains(&word.to_string().as_str()) =>
        {
            let block = tokens.iter().position(|token| is_group(token, Delimiter::Brace));
            let block = block.context("no block")?;
            let is_else = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "else");
            ensure!(
                !tokens.get(block + 1).is_some_and(is_else),
                "it has an else: use another rule"
            );
            tokens.get(block)
        }
        _ => {
            let find = |end| tokens.iter().find(|token| is(token, end));
            find(';').or_else(|| find(','))
        }
    };
    let last = last.context("neither a statement, nor a call in a chain, nor an element of a list")?;
    Ok(start..last.span().byte_range().end)
}

fn condition(source: &str, tokens: &[TokenTree], change: &str) -> Result<(Range<usize>, String)> {
    let [TokenTree::Ident(word), first, ..] = tokens else {
        bail!("no `if`");
    };
    ensure!(word == "if", "no `if`");
    ensure!(
        !matches!(first, TokenTree::Ident(word) if word == "let"),
        "an `if let` has no condition"
    );
    let block = tokens.iter().find(|token| is_group(token, Delimiter::Brace));
    let end = block.context("no block")?.span().byte_range().start;
    let range = first.span().byte_range().start..end;
    let written = source.get(range.clone()).unwrap_or_default().trim_end();
    Ok((range, format!("({written}) {change} ")))
}

fn value_of(tokens: &[TokenTree]) -> Result<Range<usize>> {
    let find = |sign| {
        tokens
            .iter()
            .find(|token| is(token, sign))
            .map(|token| token.span().byte_range())
    };
    let (Some(equals), Some(end)) = (find('='), find(';')) else {
        bail!("no `= …;`");
    };
    ensure!(equals.end <= end.start, "no `= …;`");
    Ok(equals.end..end.start)
}

fn start(tokens: &[TokenTree]) -> Result<usize> {
    let first = tokens.first().context("nothing stands below the marker")?;
    Ok(first.span().byte_range().start)
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply_to(below: &str, rule: Rule) -> Result<String> {
        let source = format!("fn f() {{\n    a();\n    // mutant: x\n    {below}\n}}\n");
        let changed = apply(&source, "x", rule)?;
        let changed = changed.strip_prefix("fn f() {\n    a();\n    // mutant: x\n    ");
        Ok(changed
            .and_then(|text| text.strip_suffix("\n}\n"))
            .expect("the rest stays")
            .to_owned())
    }

    #[test]
    fn a_statement_a_block_and_a_call_are_left_out() {
        assert_eq!(apply_to("a.b = c(\";\", ';'); d();", Rule::Skip).unwrap(), " d();");
        assert_eq!(apply_to("if a { b } d();", Rule::Skip).unwrap(), " d();");
        assert_eq!(apply_to("for a in b { c; } d();", Rule::Skip).unwrap(), " d();");
        assert_eq!(apply_to(".b(\"(\", c()).d();", Rule::Skip).unwrap(), ".d();");
        assert_eq!(apply_to(".b::<C>(|x| { x; }).d();", Rule::Skip).unwrap(), ".d();");
        assert_eq!(apply_to("a(vec![b, c]);", Rule::Skip).unwrap(), "");
        let source = "fn f() {\n    a(vec![\n        // mutant: x\n        b(c, d),\n        e,\n    ]);\n}\n";
        let changed = apply(source, "x", Rule::Skip).unwrap();
        assert_eq!(changed, source.replace("b(c, d),", ""));
        assert_eq!(
            apply_to("// Why it's needed; and so on.\n    a(); b();", Rule::Skip).unwrap(),
            "// Why it's needed; and so on.\n     b();"
        );
    }

    #[test]
    fn a_condition_is_always_or_never_true() {
        assert_eq!(
            apply_to("if a || b(|x| { x }) { c }", Rule::Never).unwrap(),
            "if (a || b(|x| { x })) && false { c }"
        );
        assert_eq!(
            apply_to("if a { c } else { d }", Rule::Always).unwrap(),
            "if (a) || true { c } else { d }"
        );
    }

    #[test]
    fn a_value_is_another() {
        assert_eq!(
            apply_to("const A: usize = 8 << 20;", Rule::Value("9")).unwrap(),
            "const A: usize = 9;"
        );
    }

    #[test]
    fn what_a_rule_does_not_fit_is_said() {
        for (below, rule, said) in [
            ("if a { b } else { c }", Rule::Skip, "else"),
            ("a", Rule::Skip, "neither"),
            ("a();", Rule::Never, "no `if`"),
            ("if let Some(a) = b { c }", Rule::Always, "if let"),
            ("a();", Rule::Value("1"), "no `= …;`"),
            ("", Rule::Skip, "nothing"),
        ] {
            let error = apply_to(below, rule).unwrap_err().to_string();
            assert!(error.contains(said), "{below}: {error}");
        }
        assert!(apply("fn f() {}", "x", Rule::Skip).is_err());
    }
}
