package fake

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ClientSecret is the secret of every client of the grant client_credentials.
const ClientSecret = "canary-client-secret"

// Server is an authorization server, and the door of an MCP server that takes its tokens.
type Server struct {
	URL    string // of the MCP server behind the door
	Issuer string // of the authorization server

	as, door *httptest.Server

	mu        sync.Mutex // guards the rest
	counts    Counts
	codes     map[string]grant
	refreshes map[string]grant
	valid     map[string]string // scopes by access tokens
	secrets   []string
	scopes    []string // asked for, by logins

	assertions []string // that were shown, of a client or in place of one

	lifetime  time.Duration
	down      bool
	noRefresh bool
	refuses   bool   // tokens that are good
	scoped    string // calls of this tool want scope
	scope     string
}

// Counts are what happened so far.
type Counts struct {
	Registered  int
	Authorized  int // logins
	Issued      int // tokens, by any grant
	Refreshes   int // attempts, as all that follow
	Credentials int
	Refused     int // requests to the MCP server: 401 or 403
	Passed      int
	Strays      int // tokens that came to the authorization server
}

// New starts one before the MCP server at behind, http://HOST:PORT, until Close.
func New(behind string) (*Server, error) { return start(behind, (*httptest.Server).Start) }

// NewTLS is New with both servers behind TLS, by a certificate that PEM returns.
func NewTLS(behind string) (*Server, error) { return start(behind, (*httptest.Server).StartTLS) }

func start(behind string, begin func(*httptest.Server)) (*Server, error) {
	to, err := url.Parse(behind)
	if err != nil {
		return nil, fmt.Errorf("cannot stand before %q: %w", behind, err)
	}
	s := &Server{
		codes: map[string]grant{}, refreshes: map[string]grant{}, valid: map[string]string{},
	}
	to.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	s.as = httptest.NewUnstartedServer(s.handler())
	s.as.Config.ErrorLog = log.New(io.Discard, "", 0) // who does not trust it says so itself
	begin(s.as)
	s.Issuer = s.as.URL
	s.door = httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { s.enter(w, r, proxy, to.Host) }))
	s.door.Config.ErrorLog = s.as.Config.ErrorLog
	begin(s.door)
	s.URL = s.door.URL + "/mcp"
	return s, nil
}

// PEM is the certificate of NewTLS.
func (s *Server) PEM() []byte {
	cert := s.as.Certificate()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// Assertions are those that were shown so far.
func (s *Server) Assertions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.assertions...)
}

// Close ends both servers.
func (s *Server) Close() {
	for _, server := range []*httptest.Server{s.door, s.as} {
		server.CloseClientConnections()
		server.Close()
	}
}

// enter lets who has a token through. The MCP server does not see it.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, behind http.Handler, host string) {
	const path = "/.well-known/oauth-protected-resource/mcp"
	if r.URL.Path == path {
		answer(w, http.StatusOK, map[string]any{
			"resource": s.URL, "authorization_servers": []string{s.Issuer},
		})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	status, challenge := s.judge(r.Header.Get("Authorization"), string(body))
	if status != http.StatusOK {
		w.Header().Set("WWW-Authenticate",
			"Bearer resource_metadata=\""+s.door.URL+path+"\""+challenge)
		http.Error(w, "not so", status)
		return
	}
	r.Header.Del("Authorization")
	r.Host = host
	behind.ServeHTTP(w, r)
}

func (s *Server) judge(authorization, body string) (status int, challenge string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	scope, ok := s.valid[strings.TrimPrefix(authorization, "Bearer ")]
	switch {
	case !ok, s.refuses:
		s.counts.Refused++
		return http.StatusUnauthorized, ""
	case s.scoped != "" && strings.Contains(body, `"name":"`+s.scoped+`"`) &&
		!strings.Contains(scope, s.scope):
		s.counts.Refused++
		return http.StatusForbidden, `, error="insufficient_scope", scope="` + s.scope + `"`
	}
	s.counts.Passed++
	return http.StatusOK, ""
}

// secret makes a text that must be nowhere else. mu is held.
func (s *Server) secret(what string) string {
	made := fmt.Sprintf("canary-%s-%d", what, len(s.secrets))
	s.secrets = append(s.secrets, made)
	return made
}

// Counts returns what happened so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Secrets are all codes and tokens so far.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{ClientSecret}, s.secrets...)
}

// Scopes are what the logins have asked for.
func (s *Server) Scopes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.scopes...)
}

// Token makes tokens as a login does, for a store that has some.
func (s *Server) Token() (access, refresh string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.issue("", "authorization_code")
	return made["access_token"].(string), made["refresh_token"].(string)
}

// Revoke has all access tokens refused that there are.
func (s *Server) Revoke() { s.change(func() { clear(s.valid) }) }

// Live is how long tokens live from now on, in whole seconds; 0: for ever, and that is not said.
func (s *Server) Live(d time.Duration) { s.change(func() { s.lifetime = d }) }

// Down has the authorization server answer 503, or work again.
func (s *Server) Down(down bool) { s.change(func() { s.down = down }) }

// RefuseRefresh has refresh tokens refused, with invalid_grant.
func (s *Server) RefuseRefresh() { s.change(func() { s.noRefresh = true }) }

// RefuseAll has the MCP server refuse good tokens, or take them again.
func (s *Server) RefuseAll(all bool) { s.change(func() { s.refuses = all }) }

// WantScope has calls of a tool refused without a scope.
func (s *Server) WantScope(tool, scope string) {
	s.change(func() { s.scoped, s.scope = tool, scope })
}

func (s *Server) change(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
}
