//! `kots airgap`: what is in a bundle, whether it is whole, and how to make one.

pub mod args;
mod describe;
mod pull;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use airgap::make::{self, ImageFolder, ImageSource, Made, MakeError, NoImages};
use airgap::{BundleError, Index, IndexStore, Limits};
use registry::pull::{PullError, Watch};
use registry::{ClientError, Fault};
use serde_json::json;
use steps::render::size;
use thiserror::Error;
use tokio::runtime::Handle;

use crate::deploy::args::Output;
use crate::deploy::inputs::InputError;
use crate::deploy::run::default_state_dir;
use crate::output::{counted, error, progress::Progress, style};
use crate::registry::settings::SettingsError;
use args::{BundleArgs, BundleCommand, ImagesFrom};

/// The folder of indexes below the state folder.
pub const INDEXES: &str = "bundles";

/// Why a command ended without its end.
#[derive(Debug, Error)]
enum CommandError {
    /// The bundle is not sound.
    #[error("bundle {path} cannot be used")]
    Bundle {
        /// Which.
        path: String,
        /// What is wrong with it.
        #[source]
        source: BundleError,
    },
    /// It is sound but lacks something.
    #[error("bundle {path} is not whole: {}", missing.join("; "))]
    NotWhole {
        /// Which.
        path: String,
        /// What it lacks.
        missing: Vec<String>,
    },
    /// None was made.
    #[error("no bundle was made")]
    Make(#[source] MakeError),
    /// Nothing lists images.
    #[error("{} lists no images in `spec.savedImages`", .0.display())]
    NoImages(PathBuf),
    /// The registry that was named, or its login.
    #[error("the registry cannot be used")]
    Registry(#[source] SettingsError),
    /// A registry cannot be spoken to.
    #[error("the registry cannot be used")]
    Client(#[source] ClientError),
    /// A file that goes with a flag.
    #[error(transparent)]
    Input(InputError),
    /// An image cannot be had.
    #[error("no bundle was made")]
    Pull(#[source] PullError),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What a registry said when the bytes of an image were read.
fn pull_error(error: &io::Error) -> Option<&PullError> {
    error.get_ref().and_then(|it| it.downcast_ref())
}

impl CommandError {
    /// What a bundle lacks that is sound otherwise.
    fn missing(&self) -> &[String] {
        match self {
            Self::NotWhole { missing, .. } => missing,
            _ => &[],
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Bundle { source, .. } => source.hint(),
            Self::NotWhole { .. } => "ask the vendor for a bundle that holds all of it",
            Self::Make(error @ MakeError::Blob { source, .. }) => {
                pull_error(source).map_or_else(|| error.hint(), PullError::hint)
            }
            Self::Make(error) => error.hint(),
            Self::NoImages(_) => "list them there, or leave --pull out",
            Self::Registry(error) => error.hint(),
            Self::Client(_) => "pass the path of a PEM file with certificates to --registry-ca",
            Self::Input(error) => error.hint().unwrap_or_default(),
            Self::Pull(error) => error.hint(),
            Self::Interrupted => "run the same command again",
        }
    }
}

/// Carries out a command and returns the exit status: 0, or 1 with the reason on stderr. `is_stopped` is asked often.
/// Blocks; `handle` is of a runtime that another thread drives.
pub fn run(args: &BundleArgs, handle: Handle, is_stopped: &(dyn Fn() -> bool + Sync)) -> u8 {
    let console = Console {
        output: args.output,
        progress: Mutex::new(Progress::new(style(args.progress, args.output))),
        is_stopped,
    };
    let ran = match &args.command {
        BundleCommand::Inspect { bundle, state_dir } => {
            inspect(&console, bundle, state_dir.clone().or_else(default_state_dir))
        }
        BundleCommand::Verify { bundle } => verify(&console, bundle),
        BundleCommand::Create { airgap_yaml, release, images, layout, out } => {
            let make = |images: &dyn ImageSource| {
                let made = make::create(airgap_yaml, release, images, *layout, out, is_stopped);
                made.map_err(CommandError::Make).map(|made| console.made(out, &made))
            };
            match images {
                ImagesFrom::Nowhere => make(&NoImages),
                ImagesFrom::Folder(path) => ImageFolder::open(path)
                    .map_err(CommandError::Make)
                    .and_then(|images| make(&images)),
                ImagesFrom::Registry(args) => {
                    let warn = |it: String| console.warn(&it);
                    pull::open(airgap_yaml, args, handle, &console, &warn)
                        .and_then(|images| make(&images))
                }
            }
        }
        BundleCommand::Diff { old, new, out } => diff(&console, old, new, out),
    };
    let ran = match ran {
        // Whatever else went wrong then comes of it.
        Err(_) if is_stopped() => Err(CommandError::Interrupted),
        ran => ran,
    };
    match ran {
        Ok(()) => 0,
        Err(error) => {
            console.clear();
            let report = error::of(&error, error.hint());
            if args.output != Output::Text {
                let document = json!({"error": &report, "missing": error.missing()});
                console.print("", || document);
            }
            let text = error::text(&report, error::Chain::Whole);
            let _ = io::stderr().write_all(text.as_bytes());
            1
        }
    }
}

fn inspect(
    console: &Console<'_>,
    path: &Path,
    state_dir: Option<PathBuf>,
) -> Result<(), CommandError> {
    let limits = Limits::default();
    let index = match state_dir {
        Some(dir) => IndexStore::new(dir.join(INDEXES))
            .open(path, &limits, &mut |it| console.reading(path, it)),
        None => Index::build(path, &limits, &mut |it| console.reading(path, it)),
    };
    let index = index.map_err(|it| wrong(path, it))?;
    console.print(&describe::text(path, &index), || describe::json(path, &index));
    Ok(())
}

fn verify(console: &Console<'_>, path: &Path) -> Result<(), CommandError> {
    let index = console.index(path)?;
    let missing = describe::missing(&index);
    if !missing.is_empty() {
        return Err(CommandError::NotWhole { path: path.display().to_string(), missing });
    }
    let sha256 = index.sha256;
    let text = format!("{}: sound and whole, {sha256}\n", path.display());
    console.print(&text, || json!({"bundle": path, "sha256": sha256.hex(), "sound": true}));
    Ok(())
}

fn diff(console: &Console<'_>, old: &Path, new: &Path, out: &Path) -> Result<(), CommandError> {
    let (old, new_index) = (console.index(old)?, console.index(new)?);
    let made = make::diff(&old, (new, &new_index), out, &|| (console.is_stopped)());
    console.made(out, &made.map_err(CommandError::Make)?);
    Ok(())
}

fn wrong(path: &Path, source: BundleError) -> CommandError {
    match source {
        BundleError::Cancelled => CommandError::Interrupted,
        source => CommandError::Bundle { path: path.display().to_string(), source },
    }
}

/// Where results and progress go.
struct Console<'a> {
    output: Output,
    progress: Mutex<Progress>,
    is_stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Console<'_> {
    fn index(&self, path: &Path) -> Result<Index, CommandError> {
        Index::build(path, &Limits::default(), &mut |it| self.reading(path, it))
            .map_err(|it| wrong(path, it))
    }

    fn show(&self, what: &str, done: u64, total: u64) {
        let progress = steps::Progress::Bytes { done, total: Some(total) };
        if let Ok(mut line) = self.progress.lock() {
            line.show(&mut io::stderr(), what, &progress);
        }
    }

    fn reading(&self, path: &Path, at: airgap::Progress) -> ControlFlow<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.show(&format!("read {name}"), at.read, at.total);
        if (self.is_stopped)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn warn(&self, text: &str) {
        self.clear();
        let _ = writeln!(io::stderr(), "warning: {text}");
    }

    fn clear(&self) {
        if let Ok(mut line) = self.progress.lock() {
            line.clear(&mut io::stderr());
        }
    }

    fn made(&self, out: &Path, made: &Made) {
        let mut text = format!(
            "{}: {}, {} with {}, {}\n",
            out.display(),
            size(made.size),
            counted(made.images, "image"),
            counted(made.blobs, "blob"),
            made.sha256
        );
        if made.left_out > 0 {
            let (layers, bytes) = (counted(made.left_out, "layer"), size(made.left_out_bytes));
            // Writing to a text never fails.
            let _ = writeln!(text, "left out {layers} of {bytes}, which the registry must have");
        }
        self.print(&text, || {
            json!({
                "bundle": out,
                "size": made.size,
                "sha256": made.sha256.hex(),
                "images": made.images,
                "blobs": made.blobs,
                "leftOut": {"blobs": made.left_out, "size": made.left_out_bytes},
            })
        });
    }

    /// A closed pipe ends the printing and nothing else.
    fn print(&self, text: &str, document: impl FnOnce() -> serde_json::Value) {
        self.clear();
        let text = match self.output {
            Output::Text => text.to_owned(),
            Output::Json | Output::Jsonl => format!("{:#}\n", document()),
        };
        let _ = io::stdout().write_all(text.as_bytes());
    }
}

impl Watch for Console<'_> {
    fn read(&self, done: u64, total: u64) {
        self.show("pull images", done, total);
    }

    fn waiting(&self, what: &str, fault: &Fault, pause: Duration) {
        let pause = pause.as_secs_f64();
        self.warn(&format!("failed to {what}: {fault}; trying again in {pause:.1} s"));
    }

    fn is_stopped(&self) -> bool {
        (self.is_stopped)()
    }
}
