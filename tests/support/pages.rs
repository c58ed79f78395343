//! The pages that people read, as the tests take them: sections, commands and manifests.

use std::path::{Path, PathBuf};

/// One page.
pub struct Page {
    /// Its path in the tree.
    pub name: String,
    pub text: String,
}

/// What is run of a page between two headings of the second level.
pub struct Section {
    pub title: String,
    pub commands: Vec<Command>,
}

/// A line for a shell.
pub struct Command {
    pub line: String,
    /// Not shown: it makes what the shown ones take for granted, `<!-- test: LINE -->` in the page.
    pub is_hidden: bool,
}

/// README.md, then every page below docs/, in the order of their names.
pub fn all() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    below(&root.join("docs"), &mut paths);
    paths.sort();
    paths.insert(0, root.join("README.md"));
    let page = |path: PathBuf| Page {
        name: path.strip_prefix(root).unwrap().display().to_string(),
        text: std::fs::read_to_string(&path).unwrap(),
    };
    paths.into_iter().map(page).collect()
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

impl Page {
    /// The fenced blocks: what stands behind the fence, and the lines.
    pub fn blocks(&self) -> Vec<(String, String)> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, String, String)> = None;
        for line in self.text.lines() {
            let indent = line.len() - line.trim_start().len();
            match (&mut open, line.trim().strip_prefix("```")) {
                (None, Some(info)) => open = Some((indent, info.to_owned(), String::new())),
                (Some(_), Some("")) => blocks.extend(open.take().map(|(_, info, text)| (info, text))),
                (Some((indent, _, text)), _) => {
                    text.push_str(line.get(*indent..).unwrap_or_default());
                    text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.name);
        blocks
    }

    /// The manifests: of blocks that begin with ```` ```yaml ````, with the file that they are said to be of.
    pub fn manifests(&self) -> Vec<(Option<String>, String)> {
        let file = |info: String| info.strip_prefix("yaml").map(|rest| rest.trim().to_owned());
        let blocks = self.blocks().into_iter();
        blocks.filter_map(|(info, text)| Some((file(info).map(|f| (!f.is_empty()).then_some(f))?, text))).collect()
    }

    /// The commands of its `sh` blocks, section by section, without what CI itself runs.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section { title: String::new(), commands: Vec::new() }];
        let (mut fence, mut begun) = (None, String::new());
        for line in self.text.lines().map(str::trim) {
            let commands = &mut sections.last_mut().unwrap().commands;
            if let Some(info) = line.strip_prefix("```") {
                fence = fence.is_none().then_some(info);
            } else if fence == Some("sh") {
                begun.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    let line = std::mem::take(&mut begun);
                    if !line.is_empty() && !line.starts_with("make ") && !line.starts_with('#') {
                        commands.push(Command { line, is_hidden: false });
                    }
                }
            } else if let Some(title) = line.strip_prefix("## ").filter(|_| fence.is_none()) {
                sections.push(Section { title: title.to_owned(), commands: Vec::new() });
            } else if let Some(rest) = line.strip_prefix("<!-- test: ").filter(|_| fence.is_none()) {
                let line = rest.strip_suffix(" -->").unwrap().to_owned();
                commands.push(Command { line, is_hidden: true });
            }
        }
        sections
    }
}
