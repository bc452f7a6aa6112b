package oauth_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcploop/mcploop/client/oauth"
)

// world is a protected MCP server and its authorization server, strict and over real sockets.
type world struct {
	t      *testing.T
	as, rs *httptest.Server

	mu       sync.Mutex
	on       map[string]http.HandlerFunc // "as GET /token": in place of what is done else
	log      []string                    // "as GET /token", in the order in which they came
	prm      map[string]any              // changes to the resource's metadata; nil values delete
	meta     map[string]any              // changes to the authorization server's
	need     []string                    // scopes that /mcp wants
	say      string                      // more of the challenge: `, scope="a b"`
	back     func(url.Values)            // changes what the browser comes back with
	clients  map[string]*party           // by client_id
	codes    map[string]*grantedCode
	refresh  map[string]string   // refresh token -> client
	tokens   map[string][]string // access token -> its scopes
	forms    []url.Values        // token requests
	pages    []url.Values        // authorization requests
	asserted map[string]bool     // assertions that jwt-bearer takes
	lifetime int                 // seconds; 0: the token has no end
	issued   int
}

type party struct {
	secret, method string
	public         crypto.PublicKey
	redirects      []string
}

type grantedCode struct {
	client, redirect, challenge, resource string
	scopes                                []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, on: map[string]http.HandlerFunc{}, prm: map[string]any{}, meta: map[string]any{},
		clients: map[string]*party{}, codes: map[string]*grantedCode{},
		refresh: map[string]string{}, tokens: map[string][]string{}, asserted: map[string]bool{},
	}
	w.as = httptest.NewServer(w.serve("as", map[string]http.HandlerFunc{
		"GET /.well-known/oauth-authorization-server": w.metadata,
		"GET /authorize": w.authorize, "POST /token": w.token, "POST /register": w.register,
	}))
	t.Cleanup(w.as.Close)
	w.rs = httptest.NewServer(w.serve("rs", map[string]http.HandlerFunc{
		"GET /.well-known/oauth-protected-resource/mcp": w.resource, "POST /mcp": w.mcp,
	}))
	t.Cleanup(w.rs.Close)
	return w
}

func (w *world) serve(who string, routes map[string]http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		key := who + " " + r.Method + " " + r.URL.Path
		w.mu.Lock()
		defer w.mu.Unlock()
		w.log = append(w.log, key)
		handle := w.on[key]
		if handle == nil {
			handle = routes[r.Method+" "+r.URL.Path]
		}
		if handle == nil {
			handle = http.NotFound
		}
		handle(rw, r)
	})
}

// asked counts the requests of one kind.
func (w *world) asked(key string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, entry := range w.log {
		if entry == key {
			n++
		}
	}
	return n
}

// set changes the world between two requests.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func reply(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(v)
}

func changed(document, changes map[string]any) map[string]any {
	for name, value := range changes {
		document[name] = value
		if value == nil {
			delete(document, name)
		}
	}
	return document
}

func (w *world) url() string { return w.rs.URL + "/mcp" }

func (w *world) resource(rw http.ResponseWriter, _ *http.Request) {
	reply(rw, 200, changed(map[string]any{
		"resource": w.url(), "authorization_servers": []string{w.as.URL},
	}, w.prm))
}

func (w *world) metadata(rw http.ResponseWriter, _ *http.Request) {
	reply(rw, 200, changed(map[string]any{
		"issuer": w.as.URL, "authorization_endpoint": w.as.URL + "/authorize",
		"token_endpoint": w.as.URL + "/token", "registration_endpoint": w.as.URL + "/register",
		"code_challenge_methods_supported":               []string{"plain", "S256"},
		"authorization_response_iss_parameter_supported": true,
		"token_endpoint_auth_methods_supported":          []string{"none", "client_secret_basic"},
	}, w.meta))
}

// mcp is the protected server.
func (w *world) mcp(rw http.ResponseWriter, r *http.Request) {
	scopes, known := w.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	where := fmt.Sprintf("Bearer resource_metadata=%q", w.rs.URL+
		"/.well-known/oauth-protected-resource/mcp")
	switch lacks := slices.ContainsFunc(w.need, func(scope string) bool {
		return !slices.Contains(scopes, scope)
	}); {
	case !known:
		rw.Header().Set("WWW-Authenticate", where+w.say)
		rw.WriteHeader(http.StatusUnauthorized)
	case lacks:
		rw.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s, error="insufficient_scope", scope=%q`,
			where, strings.Join(w.need, " ")))
		rw.WriteHeader(http.StatusForbidden)
	}
}

func (w *world) register(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		RedirectURIs []string `json:"redirect_uris"`
		Method       string   `json:"token_endpoint_auth_method"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		reply(rw, 400, map[string]any{"error": "invalid_client_metadata"})
		return
	}
	id := fmt.Sprint("client-", len(w.clients)+1)
	w.clients[id] = &party{method: ask.Method, redirects: ask.RedirectURIs}
	answer := map[string]any{"client_id": id, "token_endpoint_auth_method": ask.Method}
	if ask.Method != "none" {
		w.clients[id].secret = "HIDDEN-" + rand.Text()
		answer["client_secret"] = w.clients[id].secret
	}
	reply(rw, 201, answer)
}

// authorize is a user who agrees at once.
func (w *world) authorize(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.pages = append(w.pages, q)
	p := w.clients[q.Get("client_id")]
	if p == nil || !slices.Contains(p.redirects, q.Get("redirect_uri")) ||
		q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
		http.Error(rw, "bad request", http.StatusBadRequest)
		return
	}
	code := "HIDDEN-code-" + rand.Text()
	w.codes[code] = &grantedCode{
		q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("resource"),
		strings.Fields(q.Get("scope")),
	}
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {w.as.URL}}
	if w.back != nil {
		w.back(back)
	}
	http.Redirect(rw, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// token is the token endpoint: whoever is not right in everything gets nothing.
func (w *world) token(rw http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	w.forms = append(w.forms, r.PostForm)
	f := r.PostForm
	client, known := w.caller(r)
	scopes, fault := strings.Fields(f.Get("scope")), ""
	switch grant := f.Get("grant_type"); {
	case !known:
		fault = "invalid_client"
	case f.Get("resource") == "":
		fault = "invalid_target"
	case grant == "authorization_code":
		c := w.codes[f.Get("code")]
		delete(w.codes, f.Get("code"))
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		if c == nil || c.client != client || c.redirect != f.Get("redirect_uri") ||
			c.resource != f.Get("resource") ||
			c.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
			fault = "invalid_grant"
			break
		}
		scopes = c.scopes
	case grant == "refresh_token":
		if owner, ok := w.refresh[f.Get("refresh_token")]; !ok || owner != client {
			fault = "invalid_grant"
		}
		delete(w.refresh, f.Get("refresh_token")) // rotated
	case grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
		if !w.asserted[f.Get("assertion")] {
			fault = "invalid_grant"
		}
	case grant != "client_credentials":
		fault = "unsupported_grant_type"
	}
	if fault != "" {
		reply(rw, 400, map[string]any{"error": fault, "error_description": "no: " + f.Encode()})
		return
	}
	w.give(rw, client, scopes)
}

func (w *world) give(rw http.ResponseWriter, client string, scopes []string) {
	w.issued++
	access := fmt.Sprint("HIDDEN-access-", w.issued)
	w.tokens[access] = scopes
	refresh := "HIDDEN-refresh-" + rand.Text()
	w.refresh[refresh] = client
	answer := map[string]any{
		"access_token": access, "token_type": "bearer", "refresh_token": refresh,
	}
	if w.lifetime != 0 {
		answer["expires_in"] = w.lifetime
	}
	reply(rw, 200, answer)
}

// caller is the client of a token request, when it proves that it is.
func (w *world) caller(r *http.Request) (id string, known bool) {
	f := r.PostForm
	id, method, proof := f.Get("client_id"), "none", ""
	if user, password, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user)
		proof, _ = url.QueryUnescape(password)
		method = "client_secret_basic"
	} else if f.Has("client_secret") {
		method, proof = "client_secret_post", f.Get("client_secret")
	}
	if signed := f.Get("client_assertion"); signed != "" {
		var claims jwt.RegisteredClaims
		_, err := jwt.ParseWithClaims(signed, &claims, func(t *jwt.Token) (any, error) {
			if p := w.clients[claims.Subject]; p != nil && t.Header["kid"] == "k1" {
				return p.public, nil
			}
			return nil, jwt.ErrTokenUnverifiable
		}, jwt.WithAudience(w.as.URL), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
		if err != nil || claims.Issuer != claims.Subject || claims.ID == "" {
			return "", false
		}
		id, method = claims.Subject, "private_key_jwt"
	}
	p := w.clients[id]
	return id, p != nil && p.method == method && p.secret == proof
}

// browser follows the user's browser to where it is sent back.
func browser(ctx context.Context, page string) (string, error) {
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusFound {
		return "", fmt.Errorf("the browser sees a page with status %d", resp.StatusCode)
	}
	return resp.Header.Get("Location"), nil
}

// source makes a Source for the world, whose user agrees.
func (w *world) source(change func(*oauth.Options)) *oauth.Source {
	w.t.Helper()
	opt := oauth.Options{
		Resource: w.url(), RedirectURL: "http://127.0.0.1:1/callback", Open: browser,
	}
	if change != nil {
		change(&opt)
	}
	s, err := oauth.New(opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// call sends a request as a client does: again after each refusal that brought a token, twice at
// most. It returns the status of the last answer.
func (w *world) call(s *oauth.Source) (status int, err error) {
	w.t.Helper()
	for tries := 0; ; tries++ {
		value, _, err := s.Token(w.t.Context())
		if err != nil {
			return status, err
		}
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url(), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if value != "" {
			req.Header.Set("Authorization", value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		_ = resp.Body.Close()
		status = resp.StatusCode
		if status != 401 && status != 403 || tries == 2 {
			return status, nil
		}
		said := strings.Join(resp.Header.Values("WWW-Authenticate"), ", ")
		if err := s.Refused(w.t.Context(), status, said); err != nil {
			return status, err
		}
	}
}

// works: a call is answered.
func (w *world) works(s *oauth.Source) {
	w.t.Helper()
	if status, err := w.call(s); err != nil || status != 200 {
		w.t.Fatalf("the call ended with status %d, %v; want 200", status, err)
	}
}

// fails: a call ends with an error that says want, and nothing secret.
func fails(t *testing.T, w *world, s *oauth.Source, want string) {
	t.Helper()
	status, err := w.call(s)
	switch {
	case err == nil:
		t.Fatalf("the call ended with status %d, want an error with %q", status, want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("the error is %q, want one with %q", err, want)
	case strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "HIDDEN"):
		t.Errorf("the error has a secret: %#v", err)
	}
}
