//! How the call sounds: a line on the card, what is wrong in a sentence, and all of it in a window.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run, centred},
    meter, window,
};
use crate::{
    app::{Grade, MediaState, warning_message},
    domain::CallQuality,
    i18n::Message,
    ui::{text, theme::Scope},
};

/// Codec, round trip, jitter, loss, quality: numbers in columns that do not jump. Where there is no room for all of
/// them, the least telling go first.
pub fn line(canvas: &mut Canvas<'_>, area: Rect, y: u16) {
    let media = &canvas.snapshot.media;
    let mut facts: Vec<Run> = Vec::new();
    if media.state == MediaState::Up {
        let mut codec = Run::default();
        codec.push(media.codec.map_or(canvas.glyphs.none, codec_word), Scope::Base);
        facts.push(codec);
        let mut fact = |label: &'static str, value: String, scope: Scope| {
            let mut run = Run::default();
            run.push(canvas.t(label), Scope::Dim).push(" ", Scope::Base).push(value, scope);
            facts.push(run);
        };
        let rtt = media.rtt_ms.map_or_else(|| text::pad_left(canvas.glyphs.none, 3), |rtt| format!("{rtt:>3.0}"));
        fact("ui.rtt", format!("{rtt} ms"), meter::grade(media.rtt_ms.unwrap_or(0.0), 200.0, 400.0));
        fact("ui.jitter", format!("{:>2.0} ms", media.jitter_ms), meter::grade(media.jitter_ms, 20.0, 30.0));
        fact("ui.loss", format!("{:>4.1} %", media.loss_pct), meter::grade(media.loss_pct, 1.0, 3.0));
        let mut mos = Run::default();
        mos.push(canvas.t("ui.mos"), Scope::Dim).push(" ", Scope::Base).append(&score(canvas, media.mos));
        facts.push(mos);
    } else {
        facts.push(no_sound(canvas));
    }
    let cells = |facts: &[Run]| facts.iter().map(|run| run.cells() + 3).sum::<u16>().saturating_sub(3);
    // Jitter first, then the word that the sign says too, then the round trip, then whatever is last.
    if cells(&facts) > area.width && facts.len() > 2 {
        facts.remove(2);
    }
    if cells(&facts) > area.width && facts.len() > 1 {
        let short = score(canvas, media.mos);
        facts.pop();
        facts.push(short);
    }
    if cells(&facts) > area.width && facts.len() > 2 {
        facts.remove(1);
    }
    let mut x = area.x;
    for run in &facts {
        x += canvas.run(x, y, area.right().saturating_sub(x), run) + 3;
    }
}

/// Why there are no figures.
fn no_sound(canvas: &Canvas<'_>) -> Run {
    let mut run = Run::default();
    match canvas.snapshot.media.state {
        // A call found after a restart, or one on a phone of its own: nothing is being connected here.
        MediaState::None | MediaState::Up => run.push(canvas.t("ui.media_none"), Scope::Dim),
        MediaState::Connecting => run.push(canvas.t("ui.media_connecting"), Scope::Dim),
        MediaState::Lost => run.push(format!("{} {}", canvas.glyphs.warn, canvas.t("ui.media_lost")), Scope::Bad),
    };
    run
}

/// The score as a figure, a sign and a word.
fn score(canvas: &Canvas<'_>, mos: Option<f32>) -> Run {
    let mut run = Run::default();
    // As wide whatever the word, so that nothing jumps.
    let words = ["ui.mos_good", "ui.mos_fair", "ui.mos_poor", "ui.mos_bad"];
    let widest = words.into_iter().map(|word| text::width(&canvas.t(word))).max().unwrap_or(0);
    let Some(mos) = mos else {
        run.push(text::pad_left(canvas.glyphs.none, 3) + &" ".repeat(usize::from(widest) + 3), Scope::Dim);
        return run;
    };
    let (sign, word, scope) = match Grade::of(mos) {
        Grade::Good => (canvas.glyphs.on, "ui.mos_good", Scope::Good),
        Grade::Fair => (canvas.glyphs.half, "ui.mos_fair", Scope::Base),
        Grade::Poor => (canvas.glyphs.warn, "ui.mos_poor", Scope::Warn),
        Grade::Bad => (canvas.glyphs.bad, "ui.mos_bad", Scope::Bad),
    };
    run.push(format!("{mos:.1} {sign} {}", text::pad(&canvas.t(word), widest)), scope);
    run
}

/// The worst of what is wrong with the sound, and what to do; how many more there are. Returns the rows used.
pub fn warning(canvas: &mut Canvas<'_>, area: Rect) -> u16 {
    let Some(worst) = canvas.snapshot.media.warnings.first() else { return 0 };
    let (sign, scope) =
        if worst.name.is_informational() { (canvas.glyphs.dot, Scope::Dim) } else { (canvas.glyphs.warn, Scope::Warn) };
    let mut told = warning_message(worst).render(canvas.snapshot.locale);
    let more = canvas.snapshot.media.warnings.len() - 1;
    if more > 0 {
        told.push_str(&format!(" (+{more})"));
    }
    let lines = text::wrap(&told, area.width.saturating_sub(2));
    let mut used = 0;
    for (y, line) in (area.top()..area.bottom()).zip(lines.iter().take(2)) {
        if used == 0 {
            canvas.put(area.x, y, 1, sign, scope);
        }
        canvas.put(area.x + 2, y, area.width.saturating_sub(2), line, scope);
        used += 1;
    }
    used
}

/// Both directions side by side, and all that is wrong.
pub fn window(canvas: &mut Canvas<'_>, area: Rect) {
    let snapshot = canvas.snapshot;
    let media = &snapshot.media;
    let up = media.state == MediaState::Up;
    let rows = if up { 10 } else { 1 };
    let width = area.width.min(70);
    let told: Vec<String> = media
        .warnings
        .iter()
        .flat_map(|warning| text::wrap(&warning_message(warning).render(snapshot.locale), width.saturating_sub(8)))
        .collect();
    let told_rows = u16::try_from(told.len()).unwrap_or(0);
    let height = rows + told_rows + u16::from(told_rows > 0) + 4;
    let inner = window::window(canvas, centred(area, width, height), "ui.quality_title");
    if inner.height < 2 || inner.width < 30 {
        return;
    }
    let body = Rect { x: inner.x + 2, y: inner.y + 1, width: inner.width - 4, height: inner.height - 1 };
    if !up {
        let run = no_sound(canvas);
        canvas.run(body.x, body.y, body.width, &run);
        return;
    }
    let mut y = body.y;
    for (label, value) in head(canvas) {
        let mut run = Run::default();
        run.push(text::pad(&canvas.t(label), 14), Scope::WindowDim);
        run.append(&value);
        canvas.run(body.x, y, body.width, &run);
        y += 1;
    }
    y += 1;
    table(canvas, Rect { y, height: body.bottom().saturating_sub(y), ..body });
    y += 6;
    for (y, line) in (y + 1..inner.bottom()).zip(&told) {
        canvas.put(body.x, y, body.width, line, Scope::WindowStrong);
    }
}

/// The same in the only row there is for it.
pub fn in_row(canvas: &Canvas<'_>, run: &mut Run) {
    let media = &canvas.snapshot.media;
    run.push(canvas.t("ui.quality_title"), Scope::WindowTitle).push("   ", Scope::Window);
    if media.state != MediaState::Up {
        run.append(&no_sound(canvas));
        return;
    }
    for (label, value) in head(canvas) {
        run.push(canvas.t(label), Scope::WindowDim).push(" ", Scope::Window).append(&value).push("   ", Scope::Window);
    }
    if let Some(worst) = media.warnings.first() {
        run.push(warning_message(worst).render(canvas.snapshot.locale), Scope::WindowStrong);
    }
}

/// What is of the call as a whole.
fn head(canvas: &Canvas<'_>) -> Vec<(&'static str, Run)> {
    let media = &canvas.snapshot.media;
    let plain = |value: String| {
        let mut run = Run::default();
        run.push(value, Scope::Window);
        run
    };
    let mut sound = Run::default();
    let codec = media.codec.map_or(canvas.glyphs.none, codec_word);
    sound.push(format!("{codec}  "), Scope::Window).append(&score(canvas, media.mos));
    let path = match media.path {
        Some("host") => canvas.t("ui.path_host"),
        Some("srflx") => canvas.t("ui.path_nat"),
        Some("relay") => canvas.t("ui.path_relay"),
        Some(other) => other.to_owned(),
        None => canvas.glyphs.none.to_owned(),
    };
    let rtt = media.rtt_ms.map_or_else(|| canvas.glyphs.none.to_owned(), |rtt| format!("{rtt:.0} ms"));
    vec![("ui.mos", sound), ("ui.rtt", plain(format!("{rtt}  {} {path}", canvas.glyphs.dot)))]
}

/// Both directions.
fn table(canvas: &mut Canvas<'_>, area: Rect) {
    let media = &canvas.snapshot.media;
    let none = || canvas.glyphs.none.to_owned();
    let pct = |value: Option<f32>| value.map_or_else(none, |value| format!("{value:.1} %"));
    let ms = |value: Option<f32>| value.map_or_else(none, |value| format!("{value:.0} ms"));
    let db = |value: Option<f32>| value.map_or_else(none, |value| format!("{value:.0} dB"));
    let rows: [(&'static str, String, String); 6] = [
        ("", canvas.t("ui.quality_from"), canvas.t("ui.quality_to")),
        (
            "ui.quality_packets",
            format!("{} (-{})", media.packets_received, media.packets_lost),
            media.packets_sent.to_string(),
        ),
        ("ui.loss", pct(Some(media.loss_pct)), pct(media.far_loss_pct)),
        ("ui.jitter", ms(Some(media.jitter_ms)), ms(media.far_jitter_ms)),
        ("ui.quality_buffer", format!("{:.0} ms  {:.1} %", media.buffer_ms, media.concealed_pct), none()),
        (
            "ui.quality_level",
            db(media.level_out_dbfs),
            format!("{}  {}", db(media.level_in_dbfs), gaps(canvas, media.xruns)),
        ),
    ];
    let first = area.x + 14;
    let column = area.width.saturating_sub(14) / 2;
    for (y, (label, from, to)) in (area.top()..area.bottom()).zip(&rows) {
        let heading = label.is_empty();
        let scope = if heading { Scope::WindowDim } else { Scope::Window };
        if !heading {
            let label = canvas.t(label);
            canvas.put(area.x, y, 13, &label, Scope::WindowDim);
        }
        canvas.put(first, y, column.saturating_sub(1), from, scope);
        canvas.put(first + column, y, column, to, scope);
    }
}

/// Times the devices ran dry or over, in the words of the devices' dialog.
fn gaps(canvas: &Canvas<'_>, count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    Message::new("devices.xruns").with("count", count).render(canvas.snapshot.locale)
}

/// A call that is over, in a line.
pub fn summary(canvas: &Canvas<'_>, quality: &CallQuality) -> String {
    let mut parts = vec![codec_word(&quality.codec).to_owned()];
    let range = if quality.worst_mos + 0.1 < quality.mos {
        let (score, worst) = (format!("{:.1}", quality.mos), format!("{:.1}", quality.worst_mos));
        Message::new("ui.quality_and_worst").with("score", score).with("worst", worst).render(canvas.snapshot.locale)
    } else {
        format!("{:.1}", quality.mos)
    };
    parts.push(format!("{} {range}", canvas.t("ui.mos")));
    parts.push(format!("{} {:.1} %", canvas.t("ui.loss"), quality.loss_pct));
    parts.extend(quality.rtt_ms.map(|rtt| format!("{} {rtt:.0} ms", canvas.t("ui.rtt"))));
    if quality.silent_s > 0 {
        parts.push(format!("{} {} s", canvas.t("ui.quality_silent"), quality.silent_s));
    }
    if quality.warnings > 0 {
        parts.push(format!("{} {}", canvas.t("ui.quality_warnings"), quality.warnings));
    }
    parts.join("  ")
}

/// A codec as people write it.
fn codec_word(name: &str) -> &str {
    if name == "opus" { "Opus" } else { name }
}
