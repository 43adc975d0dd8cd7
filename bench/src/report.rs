//! Turns what was measured into the page `docs/benchmarks.md`.

use std::fmt::Write as _;

/// What one row of the benchmark has to say.
pub(crate) struct Section {
    pub(crate) title: String,
    /// Markdown.
    pub(crate) text: String,
    /// What it is held to; some rows only inform.
    pub(crate) bars: Vec<Bar>,
}

/// A figure and what it must be.
pub(crate) struct Bar {
    what: String,
    measured: String,
    must_be: String,
    met: bool,
}

impl Bar {
    pub(crate) fn at_least(what: &str, measured: f64, bar: f64) -> Self {
        let (measured_text, bar_text) = (format!("{measured:.2}"), format!("≥ {bar}"));
        Self { what: what.to_owned(), measured: measured_text, must_be: bar_text, met: measured >= bar }
    }

    pub(crate) fn at_most(what: &str, measured: f64, bar: f64, unit: &str) -> Self {
        let (measured_text, bar_text) = (format!("{measured:.2}{unit}"), format!("≤ {bar}{unit}"));
        Self { what: what.to_owned(), measured: measured_text, must_be: bar_text, met: measured <= bar }
    }

    /// The same, missed if `condition` does not hold either.
    pub(crate) fn only_if(self, condition: bool) -> Self {
        Self { met: self.met && condition, ..self }
    }

    fn verdict(&self) -> &'static str {
        if self.met { "met" } else { "**missed**" }
    }
}

pub(crate) fn render(machine: &[String], sections: &[Section]) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = write(&mut text, machine, sections);
    text
}

fn write(out: &mut String, machine: &[String], sections: &[Section]) -> std::fmt::Result {
    writeln!(
        out,
        "# Benchmarks\n\n\
         Written by `make bench` (`bench/`); don't edit by hand. `make bench ARGS=\"--only drain,latency\"` measures\n\
         single rows and prints them.\n\n\
         Machines are noisy, so what counts are the ratios: what is compared takes turns in one run, each on a\n\
         database of its own, and medians over the rounds are compared.\n\n\
         ## The machine\n"
    )?;
    for line in machine {
        writeln!(out, "- {line}")?;
    }
    writeln!(out, "\n## The bars\n\n| what | measured | bar | |\n|---|---:|---:|---|")?;
    for bar in sections.iter().flat_map(|section| &section.bars) {
        writeln!(out, "| {} | {} | {} | {} |", bar.what, bar.measured, bar.must_be, bar.verdict())?;
    }
    for section in sections {
        writeln!(out, "\n## {}\n\n{}", section.title, section.text.trim_end())?;
        for bar in &section.bars {
            writeln!(out, "\nBar: {} {}; measured {}, {}.", bar.what, bar.must_be, bar.measured, bar.verdict())?;
        }
    }
    Ok(())
}
