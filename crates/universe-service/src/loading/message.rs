//! Messages that ask for jobs, as other programs send them (contract, section 6).

use jiff::Timestamp;
use serde_json::{Map, Value};
use universe_store::{DataLoadOrder, DataLoadRequest};

use super::wish::{DataLoadWish, REQUESTED_BY_LEN_MAX, YEARS_MAX, is_job_id};

/// What `job_type` says.
const JOB_TYPE: &str = "csv_universe_load";

/// The largest message: every symbol of the market by name fits ten times.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Why a message is none that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadMessage {
    /// What is known of the job; `None` where not even its id is.
    pub order: Option<Box<DataLoadOrder>>,
    /// Everything that is wrong.
    pub reason: String,
}

/// Reads a message.
///
/// # Errors
/// When it is no JSON object, lacks something, or asks for what there is not.
pub fn read_message(bytes: &[u8], environment: &str, now: Timestamp) -> Result<DataLoadOrder, BadMessage> {
    let bad = |reason: String| BadMessage { order: None, reason };
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(bad(format!("the message has {} bytes, at most {MESSAGE_BYTES_MAX}", bytes.len())));
    }
    let fields = match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Err(bad("the message is JSON, but no object".to_owned())),
        Err(error) => return Err(bad(format!("the message is no JSON: {error}"))),
    };
    let mut fields = Fields { fields, faults: Vec::new() };
    let job_id = fields.job_id();
    let requested_by = fields.text("requested_by").unwrap_or_else(|| "unknown".to_owned());
    let request = fields.request();
    let order = job_id.map(|job_id| DataLoadOrder {
        job_id,
        environment: environment.to_owned(),
        request: request.clone().unwrap_or_else(nothing),
        requested_by: requested_by.chars().take(REQUESTED_BY_LEN_MAX).collect(),
        created_at: now,
    });
    match order {
        Some(order) if fields.faults.is_empty() && request.is_some() => Ok(order),
        order => Err(BadMessage { order: order.map(Box::new), reason: fields.faults.join("; ") }),
    }
}

/// The fields of a message, and what is wrong with them.
struct Fields {
    fields: Map<String, Value>,
    faults: Vec<String>,
}

impl Fields {
    fn request(&mut self) -> Option<DataLoadRequest> {
        match self.text("job_type").as_deref() {
            Some(JOB_TYPE) => {}
            Some(other) => self.faults.push(format!("job_type is {other:?}; {JOB_TYPE:?} is the only one")),
            None => self.lacks("job_type"),
        }
        let wish = DataLoadWish {
            universe_key: self.text("universe_key"),
            csv_file: self.text("csv_file"),
            symbols: self.texts("symbols"),
            years: self.years(),
            timeframes: self.texts("timeframes"),
            include_ohlcv: self.truth("include_ohlcv"),
        };
        match wish.check() {
            Ok(request) => Some(request),
            Err(faults) => {
                // One that is missing or no number is named already.
                let is_new = |fault: &String| !(wish.years == 0 && fault.starts_with("years "));
                self.faults.extend(faults.into_iter().filter(is_new));
                None
            }
        }
    }

    fn job_id(&mut self) -> Option<String> {
        let text = match self.given("job_id") {
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => {
                self.faults.push("job_id is no text".to_owned());
                return None;
            }
            None => {
                self.lacks("job_id");
                return None;
            }
        };
        let is_good = is_job_id(&text);
        if !is_good {
            self.faults.push("job_id is no id: up to 100 characters of ASCII without spaces are one".to_owned());
        }
        is_good.then_some(text)
    }

    fn years(&mut self) -> u32 {
        let years = match self.given("years") {
            None => {
                self.lacks("years");
                return 0;
            }
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let years = years.and_then(|years| u32::try_from(years).ok()).filter(|years| *years > 0);
        if years.is_none() {
            self.faults.push(format!("years is no whole number from 1 to {YEARS_MAX}"));
        }
        years.unwrap_or_default()
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.given(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.faults.push(format!("{name} is no text"));
                None
            }
        }
    }

    /// Reads a list of texts, or one text with commas.
    fn texts(&mut self, name: &str) -> Vec<String> {
        let list = match self.given(name) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(Value::String(text)) => return text.split(',').map(|part| part.trim().to_owned()).collect(),
            Some(_) => {
                self.faults.push(format!("{name} is no list of texts"));
                return Vec::new();
            }
        };
        let count = list.len();
        let texts: Vec<String> = list.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
        if texts.is_empty() || texts.len() != count {
            self.faults.push(format!("{name} is no list of texts"));
        }
        texts
    }

    fn truth(&mut self, name: &str) -> bool {
        match self.given(name) {
            None => true,
            Some(Value::Bool(truth)) => truth,
            Some(_) => {
                self.faults.push(format!("{name} is neither true nor false"));
                true
            }
        }
    }

    fn given(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    fn lacks(&mut self, name: &str) {
        self.faults.push(format!("it lacks {name}"));
    }
}

/// A request that asks for nothing: a refused job is kept without what it may have wanted.
fn nothing() -> DataLoadRequest {
    DataLoadRequest {
        universe_key: None,
        csv_file: None,
        symbols: Vec::new(),
        years: 0,
        timeframes: Vec::new(),
        include_ohlcv: true,
    }
}

#[cfg(test)]
mod tests;
