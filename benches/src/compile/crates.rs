//! The crates that are measured, as text.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Options;

/// A crate that is compiled on its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Nothing, beside flow-engine.
    StepsEmpty,
    /// Model steps with prompts.
    Steps,
    /// Nothing, beside serde and schemars.
    StructsEmpty,
    /// Structs with the inputs of the steps for fields, and the derives that an input needs. Nobody uses them.
    Structs,
    /// The same, and each is written to JSON, read from it and described by a schema, as the inputs of a step are.
    StructsUsed,
}

impl Subject {
    pub(crate) const ALL: [Self; 5] = [
        Self::StepsEmpty,
        Self::Steps,
        Self::StructsEmpty,
        Self::Structs,
        Self::StructsUsed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::StepsEmpty => "steps-empty",
            Self::Steps => "steps",
            Self::StructsEmpty => "structs-empty",
            Self::Structs => "structs",
            Self::StructsUsed => "structs-used",
        }
    }

    /// The empty crate with the same dependencies.
    pub(crate) fn baseline(self) -> Self {
        match self {
            Self::StepsEmpty | Self::Steps => Self::StepsEmpty,
            Self::StructsEmpty | Self::Structs | Self::StructsUsed => Self::StructsEmpty,
        }
    }

    fn dependencies(self, repository: &Path) -> String {
        match self.baseline() {
            Self::StepsEmpty => format!("flow-engine = {{ path = '{}' }}\n", repository.join("flow-engine").display()),
            _ => "schemars = \"1\"\nserde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n".to_owned(),
        }
    }

    fn source(self, options: &Options) -> String {
        match self {
            Self::StepsEmpty | Self::StructsEmpty => String::new(),
            Self::Steps => steps(options),
            Self::Structs => structs(options, false),
            Self::StructsUsed => structs(options, true),
        }
    }
}

/// Writes a workspace of all subjects.
pub(crate) fn write(folder: &Path, repository: &Path, options: &Options) -> Result<()> {
    fs::create_dir_all(folder)?;
    let names: Vec<&str> = Subject::ALL.into_iter().map(Subject::name).collect();
    // Debug information as in the workspace of flow-engine, which is not cargo's default: nearer to what is waited for.
    let workspace = format!(
        "[workspace]\nresolver = \"3\"\nmembers = {names:?}\n\n[profile.dev]\ndebug = \"line-tables-only\"\n"
    );
    fs::write(folder.join("Cargo.toml"), workspace)?;
    fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    for subject in Subject::ALL {
        let package = folder.join(subject.name());
        fs::create_dir_all(package.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}",
            subject.name(),
            subject.dependencies(repository),
        );
        fs::write(package.join("Cargo.toml"), manifest)?;
        fs::write(package.join("src/lib.rs"), subject.source(options))?;
    }
    let prompts = folder.join(Subject::Steps.name()).join("prompts");
    fs::create_dir_all(&prompts)?;
    for item in 0..options.items {
        fs::write(prompts.join(format!("step_{item}.md")), prompt(item))?;
    }
    Ok(())
}

/// Makes cargo compile a subject anew.
pub(crate) fn touch(folder: &Path, subject: Subject, reason: &str) -> Result<()> {
    let path = folder.join(subject.name()).join("src/lib.rs");
    let text = fs::read_to_string(&path)?;
    let code = text.split("\n// touched").next().unwrap_or_default();
    fs::write(path, format!("{code}\n// touched: {reason}\n"))?;
    Ok(())
}

/// Types that all items share; each is preceded by `derives`.
fn shared(derives: &str) -> String {
    format!(
        "{derives}pub struct Place {{\n    pub city: String,\n    pub country: String,\n}}\n\n\
         {derives}pub struct Topic {{\n    pub name: String,\n    pub weight: f64,\n}}\n\n\
         {derives}pub struct Story {{\n    pub title: String,\n    pub place: Place,\n    pub topics: Vec<Topic>,\n}}\n\n"
    )
}

/// A type of what a step returns.
fn output(derives: &str, name: &str) -> String {
    format!(
        "/// What the model returns.\n{derives}pub struct {name} {{\n    /// Generated title\n    pub title: String,\n    \
         /// Key points extracted\n    pub key_points: Vec<String>,\n    pub words: u32,\n    pub certain: bool,\n    \
         pub remark: Option<String>,\n}}\n\n"
    )
}

fn outputs(derives: &str, options: &Options) -> String {
    if options.own_outputs {
        let own = |item| output(derives, &format!("Answer{item}"));
        (0..options.items).map(own).collect()
    } else {
        output(derives, "Answer")
    }
}

fn steps(options: &Options) -> String {
    let data = "#[data]\n";
    let mut code =
        "use flow_engine::prelude::*;\n\n".to_owned() + &shared(data) + &outputs(data, options);
    for item in 0..options.items {
        let answer = if options.own_outputs {
            format!("Answer{item}")
        } else {
            "Answer".to_owned()
        };
        let _ = write!(
            code,
            "/// Step {item}.\n#[step(kind = \"structured\")]\npub async fn step_{item}(\n    content: String,\n    \
             story: Story,\n    tags: Vec<String>,\n    #[input(default = 100)] words: u32,\n    note: Option<String>,\n\
             ) -> {answer};\n\n"
        );
    }
    code
}

fn structs(options: &Options, used: bool) -> String {
    let derives =
        "#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]\n";
    let mut code = shared(derives) + &outputs(derives, options);
    for item in 0..options.items {
        let _ = write!(
            code,
            "/// Struct {item}.\n{derives}pub struct Struct{item} {{\n    pub content: String,\n    pub story: Story,\n    \
             pub tags: Vec<String>,\n    pub words: u32,\n    pub note: Option<String>,\n}}\n\n"
        );
    }
    if used {
        let own = |item| format!("Answer{item}");
        let inputs = (0..options.items).map(|item| format!("Struct{item}"));
        let outputs = (0..options.items).filter(|_| options.own_outputs).map(own);
        let shared = (!options.own_outputs).then(|| "Answer".to_owned());
        for name in inputs.chain(outputs).chain(shared) {
            let _ = write!(
                code,
                "impl {name} {{\n    pub fn write(&self) -> serde_json::Result<serde_json::Value> {{\n        \
                 serde_json::to_value(self)\n    }}\n\n    \
                 pub fn read(json: serde_json::Value) -> serde_json::Result<Self> {{\n        \
                 serde_json::from_value(json)\n    }}\n\n    pub fn schema() -> schemars::Schema {{\n        \
                 schemars::schema_for!({name})\n    }}\n}}\n\n"
            );
        }
    }
    code
}

/// 25 lines below the front matter, with three loops and three conditions.
fn prompt(item: usize) -> String {
    format!(
        "---
temperature: 0.2
---
# system:
You write for the editors of newspaper number {item}.
You write at most {{{{ words }}}} words, and nothing that is not in the text.
{{% if note %}}
Mind this: {{{{ note }}}}
{{% endif %}}

# user:
Summarise the story {{{{ story.title }}}}.
{{% if story.place.city == \"Vienna\" %}}
It is a local story.
{{% else %}}
It is a story from {{{{ story.place.city }}}} in {{{{ story.place.country }}}}.
{{% endif %}}
Its topics:
{{% for topic in story.topics %}}
- {{{{ topic.name }}}} {{% if topic.weight > 0.5 %}}(heavy){{% endif %}}
{{% endfor %}}
Its tags, {{% for tag in tags %}}{{{{ tag }}}}, {{% endfor %}}may be wrong.
{{% for tag in tags %}}
Say nothing of {{{{ tag | upper }}}} that is not in the text.
{{% endfor %}}
The text:
{{{{ content }}}}
That was the text.
"
    )
}
