//! Builds the web client with npm and writes the table of its files.
//!
//! It runs again only when a source of the client changed. `ALLO_WEB_DIST` names a folder with a client that is
//! built already; then neither Node nor npm is needed.

mod node;

use std::{
    env, fs,
    hash::{DefaultHasher, Hasher as _},
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

/// What the client is made from. A folder is watched with everything below it.
const SOURCES: &[&str] = &[
    "build.rs",
    "index.html",
    "node.rs",
    "package.json",
    "package-lock.json",
    "public",
    "src",
    "svelte.config.js",
    "tsconfig.json",
    "tsconfig.app.json",
    "vite.background.ts",
    "vite.config.ts",
];

/// From this size on, a file that becomes shorter is embedded in its short form only: whoever cannot read that goes without what the
/// file is for. Higher: the program grows by all that browsers never ask for.
const BYTES_WHOLE_MAX: usize = 1_000_000;

/// The best compression: it costs a second at build time, and each visitor saves by it.
const BROTLI_QUALITY: i32 = 11;

fn main() {
    // Cargo ends the build for these lines. An exit status would only bring more text.
    if let Err(error) = build() {
        for line in format!("{error:#}").lines() {
            println!("cargo::error={line}");
        }
    }
}

fn build() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed=ALLO_WEB_DIST");
    let dist = if let Some(folder) = env::var_os("ALLO_WEB_DIST").filter(|folder| !folder.is_empty()) {
        println!("cargo::rerun-if-changed={}", Path::new(&folder).display());
        fs::canonicalize(&folder)
            .with_context(|| format!("ALLO_WEB_DIST={}", Path::new(&folder).display()))?
    } else {
        build_client(&PathBuf::from(env::var("CARGO_MANIFEST_DIR")?), out.join("dist"))?
    };
    write_table(&dist, &out)
}

/// Runs npm and Vite. Nothing is written into the sources but `node_modules`.
fn build_client(web: &Path, dist: PathBuf) -> Result<PathBuf> {
    for source in SOURCES.iter().filter(|source| web.join(source).exists()) {
        println!("cargo::rerun-if-changed={source}");
    }
    node::check(Command::new("node"))?;
    if !has_packages(web) {
        npm(web, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
    }
    let folder = dist.to_str().context("the path of the build folder is not UTF-8")?;
    npm(web, &["run", "build", "--", "--outDir", folder, "--emptyOutDir", "--logLevel", "warn"])?;
    Ok(dist)
}

/// Returns whether the packages are those of the lock file: npm writes its own copy of it last.
fn has_packages(web: &Path) -> bool {
    let modified = |path: &str| fs::metadata(web.join(path)).and_then(|data| data.modified()).ok();
    let installed = modified("node_modules/.package-lock.json");
    installed.is_some() && installed >= modified("package-lock.json")
}

fn npm(web: &Path, arguments: &[&str]) -> Result<()> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let command = format!("npm {}", arguments.join(" "));
    let output = match Command::new(program).args(arguments).current_dir(web).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("Node.js is there, but npm was not found. Install npm too.")
        }
        Err(error) => return Err(error).context(command),
    };
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "`{command}` failed:\n{}", String::from_utf8_lossy(&said).trim());
    Ok(())
}

/// Writes `assets.rs`, the value of `ASSETS`, and the compressed files that it includes.
fn write_table(dist: &Path, out: &Path) -> Result<()> {
    let mut files = Vec::new();
    list(dist, "", &mut files)?;
    files.sort();
    ensure!(files.iter().any(|path| path == "/index.html"), "{} has no index.html", dist.display());

    let compressed = out.join("brotli");
    fs::create_dir_all(&compressed)?;
    let mut table = String::from("&[\n");
    for (index, path) in files.iter().enumerate() {
        let row = row(path, &dist.join(&path[1..]), &compressed.join(format!("{index}.br")))?;
        table.push_str(&row);
    }
    table.push(']');
    fs::write(out.join("assets.rs"), table).context("cannot write assets.rs")
}

/// Adds the paths of all files under `folder` to `files`, as they are served.
fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a file's name is not UTF-8")?;
        let path = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn row(path: &str, file: &Path, compressed: &Path) -> Result<String> {
    let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let shorter = compress(&content)?;
    let mut identity = format!("Some({})", include(file)?);
    let mut brotli = "None".to_owned();
    if shorter.len() < content.len() {
        fs::write(compressed, shorter)?;
        brotli = format!("Some({})", include(compressed)?);
        if content.len() > BYTES_WHOLE_MAX {
            "None".clone_into(&mut identity);
        }
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(&content);
    Ok(format!(
        "Asset {{ path: {path:?}, content_type: {:?}, etag: {:?}, is_immutable: {}, \
         identity: {identity}, brotli: {brotli} }},\n",
        content_type(path)?,
        format!("\"{:016x}\"", hasher.finish()),
        path.starts_with("/assets/"),
    ))
}

fn include(file: &Path) -> Result<String> {
    let path = file.to_str().context("the path of the build folder is not UTF-8")?;
    Ok(format!("include_bytes!({path:?})"))
}

fn compress(content: &[u8]) -> Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams { quality: BROTLI_QUALITY, ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters)?;
    Ok(compressed)
}

fn content_type(path: &str) -> Result<&'static str> {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    Ok(match extension {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wasm" => "application/wasm",
        "binarypb" | "tflite" => "application/octet-stream",
        _ => bail!("{path}: the media type of .{extension} is not known; name it in web/build.rs"),
    })
}
