//! `cargo run -p fuzz -- seeds DIR` writes the seeds of every target into `DIR/<target>/`;
//! `cargo run -p fuzz -- run TARGET FILE` runs one target on one file.

use std::{fs, io, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["seeds", folder] => write_seeds(Path::new(folder)),
        ["run", target, file] => run(target, Path::new(file)),
        _ => Err(io::Error::other("usage: fuzz seeds DIR | fuzz run TARGET FILE")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        #[expect(clippy::print_stderr, reason = "a program for people says what is wrong")]
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_seeds(folder: &Path) -> io::Result<()> {
    for target in fuzz::TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (at, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{at:02}")), seed)?;
        }
    }
    Ok(())
}

fn run(name: &str, file: &Path) -> io::Result<()> {
    let target = fuzz::TARGETS.iter().find(|it| it.name == name);
    let target = target.ok_or_else(|| io::Error::other(format!("there is no target {name}")))?;
    (target.run)(&fs::read(file)?);
    Ok(())
}
