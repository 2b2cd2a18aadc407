//! A relative link in a document leads to something that exists.

use std::path::Path;

use super::finding::Finding;

/// `exists` is asked about paths relative to the workspace.
pub(crate) fn check(path: &Path, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    let mut in_code = false;
    for (line, text) in text.lines().enumerate() {
        in_code ^= text.trim_start().starts_with("```");
        let broken = |target: &&str| {
            !in_code && is_relative(target) && {
                let file = target.split('#').next().unwrap_or_default();
                !exists(&folder.join(file))
            }
        };
        for target in targets(text).filter(broken) {
            let text = format!("link to `{target}`, which does not exist; mend or remove it");
            findings.push(Finding::new(path, line + 1, text));
        }
    }
    findings
}

/// What `[text](target)` and `[name]: target` point to.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line
        .split("](")
        .skip(1)
        .map(|after| after.split(')').next().unwrap_or(after));
    let reference = line
        .strip_prefix('[')
        .and_then(|after| Some(after.split_once("]: ")?.1));
    inline
        .chain(reference)
        .map(|target| target.split(' ').next().unwrap_or(target))
}

fn is_relative(target: &str) -> bool {
    !target.starts_with('#') && !target.starts_with("mailto:") && !target.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let exists = |path: &Path| path == Path::new("docs/there.md");
        let findings = check(Path::new("docs/a.md"), text, exists);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let found = found("[a](there.md#b)\n[c](gone.md) and [d](gone.md#e)\n[f]: gone.md\n");
        assert!(
            found[0].starts_with("docs/a.md:2: link to `gone.md`"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("docs/a.md:2: link to `gone.md#e`"),
            "{found:?}"
        );
        assert!(
            found[2].starts_with("docs/a.md:3: link to `gone.md`"),
            "{found:?}"
        );
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn other_links_are_not_ours_to_check() {
        let text = "[a](https://example.org/b) [c](#d) [e](mailto:f@example.org)\n\
                    ```rust\nf[x](gone.md)\n```\n";
        assert!(found(text).is_empty());
    }
}
