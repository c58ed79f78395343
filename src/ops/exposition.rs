//! Which text a scraper gets: OpenMetrics 1.0 where it asks for it, else Prometheus text 0.0.4.

/// The two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    OpenMetrics,
    Text,
}

impl Form {
    /// The form that an `Accept` header asks for.
    pub(super) fn accepted(header: &str) -> Self {
        let (mut open, mut text) = (0.0_f32, 0.0_f32);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality: f32 = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match media.as_str() {
                "application/openmetrics-text" => open = quality.max(open),
                "text/plain" | "text/*" | "*/*" => text = quality.max(text),
                _ => {}
            }
        }
        if open > 0.0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Puts OpenMetrics text, as our library writes it, into this form.
    pub(super) fn render(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Text => prometheus(&open_metrics),
        }
    }
}

/// In the older form a counter's family is called as its samples are, with `_total`, and there is neither a unit nor an
/// end.
fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let total = if kind == "counter" { "_total" } else { "" };
            if let Some((_, words)) = help.take() {
                text.extend(["# HELP ", name, total, " ", words, "\n"]);
            }
            text.extend(["# TYPE ", name, total, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_the_form_that_it_prefers_of_those_that_there_are() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, form) in [
            (prometheus, Form::OpenMetrics),
            ("application/openmetrics-text", Form::OpenMetrics),
            ("", Form::Text),
            ("*/*", Form::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Form::Text),
            ("application/openmetrics-text; q=0.1, text/plain", Form::Text),
            ("application/openmetrics-text;q=0", Form::Text),
            ("application/openmetrics-text;q=loud", Form::Text),
        ] {
            assert_eq!(Form::accepted(accept), form, "{accept}");
        }
    }

    #[test]
    fn in_the_older_form_a_counter_s_family_is_called_as_its_samples() {
        let open = "# HELP pods Pods that were created.\n# TYPE pods counter\n# UNIT pods pods\npods_total 3\n\
            # HELP depth In the queue.\n# TYPE depth gauge\ndepth{name=\"a # b\"} 1\n# EOF\n";
        let text = "# HELP pods_total Pods that were created.\n# TYPE pods_total counter\npods_total 3\n\
            # HELP depth In the queue.\n# TYPE depth gauge\ndepth{name=\"a # b\"} 1\n";
        assert_eq!(Form::Text.render(open.to_owned()), text);
        assert_eq!(Form::OpenMetrics.render(open.to_owned()), open);
    }
}
