//! Uses up whatever there is to use up.

use std::hint::black_box;

use schemars::JsonSchema;
use serde::Deserialize;
use zonda_sdk::{Cloud, Context, Result};

pub(crate) fn spin(_: &Context, (): ()) -> Result<u64> {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
        if turns == 0 {
            return Ok(turns);
        }
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Allocate {
    /// How much to take, in MiB; as much as there is if nothing is said.
    mib: Option<u32>,
}

pub(crate) fn allocate(_: &Context, input: Allocate) -> Result<u32> {
    let mut hoard = Vec::new();
    let mut taken = 0;
    while input.mib.is_none_or(|mib| taken < mib) {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
        taken += 1;
    }
    black_box(hoard);
    Ok(taken)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Fill {
    /// How much memory one operation writes, in MiB.
    mib: u32,
}

/// One bulk memory operation after the other: none of them can be interrupted.
pub(crate) fn fill(_: &Context, input: Fill) -> Result<()> {
    let mut memory = vec![0_u8; (input.mib as usize) << 20];
    let mut value = 0_u8;
    loop {
        memory.fill(value);
        value = black_box(value.wrapping_add(1));
        black_box(&memory);
    }
}

pub(crate) fn recurse(_: &Context, (): ()) -> Result<u64> {
    #[expect(unconditional_recursion, reason = "to use up the stack")]
    fn deeper(depth: u64) -> u64 {
        let frame = black_box([depth; 64]);
        deeper(depth + 1) + frame.iter().sum::<u64>()
    }
    Ok(deeper(0))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Flood {
    lines: u32,
    /// How long each line is, in bytes.
    bytes: u32,
    /// `log`, `stdout` or `stderr`.
    #[serde(default)]
    to: To,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum To {
    #[default]
    Log,
    Stdout,
    Stderr,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "what is tested")]
pub(crate) fn flood_log(ctx: &Context, input: Flood) -> Result<u32> {
    let line = "x".repeat(input.bytes as usize);
    for _ in 0..input.lines {
        match input.to {
            To::Log => ctx.log().info(&line),
            To::Stdout => println!("{line}"),
            To::Stderr => eprintln!("{line}"),
        }
    }
    Ok(input.lines)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Size {
    bytes: u32,
}

pub(crate) fn big_result(_: &Context, input: Size) -> Result<String> {
    Ok("x".repeat(input.bytes as usize))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Count {
    count: u32,
}

pub(crate) fn handles(ctx: &Context, input: Count) -> Result<usize> {
    let handles: Vec<Cloud> = (0..input.count)
        .map(|_| ctx.cloud())
        .collect::<std::result::Result<_, _>>()?;
    Ok(black_box(handles).len())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Message {
    message: String,
}

pub(crate) fn panic(_: &Context, input: Message) -> Result<()> {
    panic!("{}", input.message)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Code {
    code: i32,
}

pub(crate) fn exit(_: &Context, input: Code) -> Result<()> {
    std::process::exit(input.code)
}
