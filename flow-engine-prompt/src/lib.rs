//! Prompt files of flow-engine: where they are found, how they are read, what is wrong with them, and how they
//! become messages.
//!
//! A prompt file is Markdown with optional YAML front matter, role lines and [minijinja] (Jinja2) templates:
//!
//! ```md
//! ---
//! model: gpt-5-mini
//! temperature: 0.2
//! ---
//! # system:
//! You summarise for {{ style }} readers.
//!
//! # user:
//! {{ content }}
//! ```
//!
//! The crate has two readers. The macros call [`locate`], [`parse`] and [`PromptFile::check`] at compile time, and
//! compile the file's text (by `include_str!`) and its [`prompt_id`] into the program. At a prompt's first use the
//! runtime calls [`parse`] again, on that text, and builds a [`Template`], which it renders from then on. Both use
//! one template environment, so what compiles also renders.
//!
//! ```
//! use flow_engine_prompt::{Rendered, Template, parse};
//!
//! let source = "# system:\nYou write for {{ style }} readers.\n\n# user:\n{{ content }}\n";
//! let file = parse("prompts/summarize.md", source).expect("a well-formed prompt");
//! let analysis = file.check(&["style", "content"]);
//! assert!(analysis.diagnostics.is_empty());
//!
//! let template = Template::new(&file)?;
//! let inputs = serde_json::json!({ "style": "busy", "content": "# user:\nnot a message" });
//! let messages = template.render(inputs.as_object().expect("an object"), &[])?;
//! assert_eq!(messages.len(), 2);
//! let Rendered::Message(user) = &messages[1] else { unreachable!() };
//! assert_eq!(user.content, "# user:\nnot a message");
//! # Ok::<(), flow_engine_prompt::RenderError>(())
//! ```
//!
//! [minijinja]: https://docs.rs/minijinja

mod analysis;
mod diagnostic;
mod environment;
mod fences;
mod filters;
mod front_matter;
mod id;
mod includes;
mod locate;
mod marks;
mod nesting;
mod parameters;
mod printing;
mod prompt_file;
mod render_error;
mod requirement;
mod roles;
pub mod suggest;
mod template;
#[cfg(test)]
mod testing;
mod text;

pub use analysis::Analysis;
pub use diagnostic::{Diagnostic, Location};
pub use id::{prompt_id, text_id};
pub use includes::Include;
pub use locate::{Located, NotFound, ReadError, locate};
pub use marks::Attached;
pub use parameters::{Parameters, ReasoningEffort, WrongParameter};
pub use prompt_file::{PromptFile, parse};
pub use render_error::RenderError;
pub use requirement::{Need, Requirement, Segment};
pub use roles::{Role, Section};
pub use template::{Rendered, RenderedMessage, Template};
