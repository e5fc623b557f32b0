//! Speaks Zonda's REST API: requests, lists over several pages, faults.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Map, Value};
use url::Url;

use super::{
    environment::Environment,
    error::Error,
    events::Events,
    http_client::{self, sensitive},
    keystone_login,
    login::{self, Home},
    options::CommonArgs,
    sanitize::sanitize,
};
use crate::domain::Secret;

const DEFAULT_URL: &str = "http://127.0.0.1:8989/v2";
/// More pages than this in one list are a server that repeats itself.
const MAX_PAGES: usize = 10_000;

/// An object as the API shows it: its members depend on the server's version.
pub type Object = Map<String, Value>;

/// Zonda's API as one caller sees it.
#[derive(Debug)]
pub(super) struct ApiClient {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret>,
    project_id: Option<String>,
    is_debug: bool,
}

impl ApiClient {
    /// Logs in at the home Keystone, if one is given, and finds the API.
    ///
    /// # Errors
    /// When the options are incomplete, Keystone refuses, or the URL is none.
    pub(super) async fn connect(args: &CommonArgs, env: &Environment) -> Result<Self, Error> {
        let (home, tls) = login::home(&args.home, env)?;
        let mut url = args
            .zonda_url
            .clone()
            .or_else(|| env.first(&["ZONDA_URL", "OS_MISTRAL_URL"]));
        let mut project_id = None;
        let token = match home {
            Home::Nobody => None,
            Home::Token(token) => Some(token),
            Home::Login(login) => {
                let token = keystone_login::login(&login).await?;
                url = url.or_else(|| endpoint(&token.body, login.region.as_deref()));
                let id = token.body.pointer("/project/id").and_then(Value::as_str);
                project_id = id.map(str::to_owned);
                Some(token.id)
            }
        };
        let base = parse_base(url.as_deref().unwrap_or(DEFAULT_URL))?;
        // Without a time limit: a synchronous run answers when the action ends.
        let http = http_client::build(&base, &tls, None).map_err(Error::Tls)?;
        Ok(Self {
            http,
            base,
            token,
            project_id,
            is_debug: args.debug,
        })
    }

    /// The project that the token is for, if the client got it by a login.
    pub(super) fn project_id(&self) -> Option<&str> {
        self.project_id.as_deref()
    }

    /// `GET` of one object.
    pub(super) async fn get(&self, path: &[&str]) -> Result<Object, Error> {
        self.get_with::<&str>(path, &[]).await
    }

    /// `GET` of server-sent events, after the one with the id `last`.
    pub(super) async fn events(&self, path: &[&str], last: Option<&str>) -> Result<Events, Error> {
        let url = self.url(path);
        let mut request = self.request(Method::GET, &url);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Ok(Events::new(self.send(request, &url).await?))
    }

    /// `GET` of one object, with arguments.
    pub(super) async fn get_with<V: AsRef<str>>(
        &self,
        path: &[&str],
        query: &[(&str, V)],
    ) -> Result<Object, Error> {
        let url = self.url_with(path, query);
        let response = self.send(self.request(Method::GET, &url), &url).await?;
        object(&url, response).await
    }

    /// `GET` of bytes.
    pub(super) async fn download(&self, path: &[&str]) -> Result<Bytes, Error> {
        let url = self.url(path);
        let response = self.send(self.request(Method::GET, &url), &url).await?;
        response
            .bytes()
            .await
            .map_err(|err| unreachable_error(&url, err))
    }

    /// `POST` or `PUT` of JSON, answered by an object.
    pub(super) async fn send_json(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Object, Error> {
        let url = self.url(path);
        let request = self.request(method, &url).json(body);
        object(&url, self.send(request, &url).await?).await
    }

    /// `POST` or `PUT` without a body, answered by an object.
    pub(super) async fn send_nothing(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Object, Error> {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        object(&url, self.send(self.request(method, &url), &url).await?).await
    }

    /// `POST` or `PUT` of plain text, answered by an object.
    pub(super) async fn send_text(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        text: String,
    ) -> Result<Object, Error> {
        let url = self.url_with(path, query);
        let request = self.request(method, &url);
        let request = request.header("content-type", "text/plain").body(text);
        object(&url, self.send(request, &url).await?).await
    }

    /// `POST` or `PUT` of a component, with the text of its signature if it has one; answered by an object.
    pub(super) async fn send_component(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        component: Bytes,
        signature: Option<&str>,
    ) -> Result<Object, Error> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .request(method, &url)
            .header("content-type", "application/wasm")
            .body(component);
        if let Some(signature) = signature {
            request = request.header("x-module-signature", BASE64.encode(signature));
        }
        object(&url, self.send(request, &url).await?).await
    }

    /// `DELETE` of one object.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), Error> {
        self.delete_with::<&str>(path, &[]).await
    }

    /// `DELETE` of one object, with arguments.
    pub(super) async fn delete_with<V: AsRef<str>>(
        &self,
        path: &[&str],
        query: &[(&str, V)],
    ) -> Result<(), Error> {
        let url = self.url_with(path, query);
        self.send(self.request(Method::DELETE, &url), &url)
            .await
            .map(drop)
    }

    /// All pages of a list, or as many as hold `limit` objects.
    pub(super) async fn list(
        &self,
        collection: &str,
        query: &[(&str, String)],
        limit: Option<u32>,
    ) -> Result<Vec<Object>, Error> {
        self.list_at(&[collection], collection, query, limit).await
    }

    /// The same of a list at another path than its collection's.
    pub(super) async fn list_at(
        &self,
        path: &[&str],
        collection: &str,
        query: &[(&str, String)],
        limit: Option<u32>,
    ) -> Result<Vec<Object>, Error> {
        let limit = limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut objects = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.send(self.request(Method::GET, &url), &url).await?;
            let mut page = object(&url, response).await?;
            let Some(Value::Array(items)) = page.remove(collection) else {
                return Err(answer(&url, format!("it has no list `{collection}`")));
            };
            let is_empty = items.is_empty();
            for item in items {
                let Value::Object(item) = item else {
                    return Err(answer(
                        &url,
                        format!("`{collection}` has what is no object"),
                    ));
                };
                objects.push(item);
            }
            let next = page.get("next").and_then(Value::as_str).map(Url::parse);
            let Some(Ok(next)) = next.filter(|_| !is_empty && objects.len() < limit) else {
                break;
            };
            // The token goes to the URL that the user named, whatever host a link names.
            if next.query() == url.query() {
                break;
            }
            url.set_query(next.query());
        }
        objects.truncate(limit);
        Ok(objects)
    }

    fn url_with<V: AsRef<str>>(&self, path: &[&str], query: &[(&str, V)]) -> Url {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http URL has a path, which was checked")
            .extend(path);
        url
    }

    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        self.http
            .request(method, url.clone())
            .header("accept", "application/json, text/event-stream")
    }

    async fn send(&self, request: RequestBuilder, url: &Url) -> Result<Response, Error> {
        let request = match &self.token {
            None => request,
            Some(token) => {
                let header = sensitive(token)
                    .ok_or_else(|| Error::usage("the token has characters that no token has"))?;
                request.header("x-auth-token", header)
            }
        };
        let began = Instant::now();
        let request = request.build().map_err(|err| unreachable_error(url, err))?;
        let method = request.method().clone();
        let answer = self.http.execute(request).await;
        if self.is_debug {
            show_exchange(&method, url, answer.as_ref().ok(), began.elapsed());
        }
        let response = answer.map_err(|err| unreachable_error(url, err))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(fault(response).await)
        }
    }
}

/// The public endpoint of the workflow service in the token's catalog.
fn endpoint(token_body: &Value, region: Option<&str>) -> Option<String> {
    let text =
        |value: &Value, member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
    let services = token_body.get("catalog")?.as_array()?;
    ["workflowv2", "workflow"].iter().find_map(|wanted| {
        services
            .iter()
            .filter(|service| text(service, "type").as_deref() == Some(wanted))
            .filter_map(|service| service.get("endpoints")?.as_array())
            .flatten()
            .filter(|endpoint| text(endpoint, "interface").as_deref() == Some("public"))
            .find(|endpoint| region.is_none() || text(endpoint, "region").as_deref() == region)
            .and_then(|endpoint| text(endpoint, "url"))
    })
}

/// The API's URL, with `/v2` if it was left out.
fn parse_base(text: &str) -> Result<Url, Error> {
    let fault = |reason: &str| {
        Error::usage(format!(
            "Zonda's URL (--zonda-url, ZONDA_URL) {reason}, as in {DEFAULT_URL}"
        ))
    };
    let mut url = Url::parse(text).map_err(|_| fault("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(fault("is not an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("must not hold a user or password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = match url.path().trim_end_matches('/') {
        "" => "/v2".to_owned(),
        path => path.to_owned(),
    };
    url.set_path(&path);
    Ok(url)
}

async fn object(url: &Url, response: Response) -> Result<Object, Error> {
    let bytes = response
        .bytes()
        .await
        .map_err(|err| unreachable_error(url, err))?;
    serde_json::from_slice(&bytes).map_err(|_| answer(url, "it is no JSON object".to_owned()))
}

async fn fault(response: Response) -> Error {
    let status = response.status();
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let request = header("x-openstack-request-id")
        .filter(|_| status.is_server_error())
        .map_or_else(String::new, |id| format!(", request {id}"));
    let retry = header("retry-after")
        .and_then(|secs| secs.parse::<u64>().ok())
        .map_or_else(String::new, |secs| format!(", retry after {secs} s"));
    let said = header("server-error-message");
    let is_redirect = status.is_redirection();
    let body = response.text().await.unwrap_or_default();
    let from_body = serde_json::from_str::<Value>(&body)
        .ok()
        .and_then(|body| body.get("faultstring")?.as_str().map(str::to_owned));
    let fault = match said.or(from_body) {
        Some(fault) => fault,
        None if status.as_u16() == 401 => {
            "Zonda wants authentication: give OS_* variables, --os-cloud or a token".to_owned()
        }
        None if is_redirect => "the server redirects; give the URL it redirects to".to_owned(),
        None => status
            .canonical_reason()
            .unwrap_or("refused without a reason")
            .to_owned(),
    };
    Error::Api {
        status: status.as_u16(),
        fault,
        retry,
        request,
    }
}

fn show_exchange(method: &Method, url: &Url, response: Option<&Response>, took: Duration) {
    let outcome = response.map_or_else(
        || "no answer".to_owned(),
        |response| {
            let id = response
                .headers()
                .get("x-openstack-request-id")
                .and_then(|id| id.to_str().ok())
                .map_or_else(String::new, |id| format!(" {id}"));
            format!("{}{id}", response.status())
        },
    );
    let ms = took.as_millis();
    eprintln!("{method} {url} -> {} in {ms} ms", sanitize(&outcome));
}

fn unreachable_error(url: &Url, source: reqwest::Error) -> Error {
    Error::Unreachable {
        url: without_query(url),
        source: source.without_url(),
    }
}

fn answer(url: &Url, reason: String) -> Error {
    Error::Answer {
        url: without_query(url),
        reason,
    }
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_url_without_a_path_gets_the_version() {
        let base = |text| parse_base(text).map(|url| url.to_string()).ok();
        assert_eq!(base("http://z:8989"), Some("http://z:8989/v2".into()));
        assert_eq!(base("http://z:8989/v2/"), Some("http://z:8989/v2".into()));
        assert_eq!(
            base("https://z/workflow/v2"),
            Some("https://z/workflow/v2".into())
        );
        assert_eq!(base("z:8989"), None);
        assert_eq!(base("http://a:b@z"), None);
    }

    #[test]
    fn the_catalogs_endpoint_is_the_public_one_of_the_region() {
        let endpoint_in = |region: &str, interface: &str, url: &str| json!({"region": region, "interface": interface, "url": url});
        let body = json!({"catalog": [
            {"type": "identity", "endpoints": [endpoint_in("r2", "public", "http://k")]},
            {"type": "workflowv2", "endpoints": [
                endpoint_in("r1", "public", "http://one"),
                endpoint_in("r2", "internal", "http://inside"),
                endpoint_in("r2", "public", "http://two"),
            ]},
        ]});
        assert_eq!(endpoint(&body, Some("r2")), Some("http://two".into()));
        assert_eq!(endpoint(&body, None), Some("http://one".into()));
        assert_eq!(endpoint(&body, Some("r3")), None);
    }
}
