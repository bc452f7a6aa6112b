package fake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// handler serves what an authorization server has.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	mux.HandleFunc("POST /register", s.register)
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		down := s.down
		if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			s.counts.Strays++ // a token for another server
		}
		s.mu.Unlock()
		if down {
			http.Error(w, "in maintenance", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": s.Issuer, "authorization_endpoint": s.Issuer + "/authorize",
		"token_endpoint": s.Issuer + "/token", "registration_endpoint": s.Issuer + "/register",
		"response_types_supported":         []string{"code"},
		"code_challenge_methods_supported": []string{"S256"},
		"grant_types_supported": []string{
			"authorization_code", "refresh_token", "client_credentials",
		},
		"token_endpoint_auth_methods_supported": []string{
			"none", "client_secret_basic", "client_secret_post", "private_key_jwt",
		},
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256", "RS256"},
		"authorization_response_iss_parameter_supported":   true,
	})
}

func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	var wants map[string]any
	if err := json.NewDecoder(r.Body).Decode(&wants); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_client_metadata"})
		return
	}
	s.mu.Lock()
	s.counts.Registered++
	wants["client_id"] = fmt.Sprintf("client-%d", s.counts.Registered)
	s.mu.Unlock()
	answer(w, http.StatusCreated, wants)
}

// authorize sends the browser back at once.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("code_challenge") == "" || q.Get("resource") != s.URL {
		http.Error(w, "not so", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.counts.Authorized++
	s.scopes = append(s.scopes, q.Get("scope"))
	code := s.secret("code")
	s.codes[code] = grant{q.Get("code_challenge"), q.Get("scope")}
	s.mu.Unlock()
	to.RawQuery = url.Values{
		"code": {code}, "state": {q.Get("state")}, "iss": {s.Issuer},
	}.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// grant is what a code, or a refresh token, stands for.
type grant struct{ challenge, scope string }

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "not so", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var given grant
	ok := false
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		code := r.Form.Get("code")
		given, ok = s.codes[code]
		delete(s.codes, code)
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		ok = ok && base64.RawURLEncoding.EncodeToString(sum[:]) == given.challenge
	case "refresh_token":
		s.counts.Refreshes++
		old := r.Form.Get("refresh_token")
		given, ok = s.refreshes[old]
		ok = ok && !s.noRefresh
		delete(s.refreshes, old)
	case "client_credentials":
		s.counts.Credentials++
		_, secret, basic := r.BasicAuth()
		if !basic {
			secret = r.Form.Get("client_secret")
		}
		signed := r.Form.Get("client_assertion")
		given.scope, ok = r.Form.Get("scope"), secret == ClientSecret || signed != ""
		s.assertions = append(s.assertions, signed)
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		given.scope, ok = r.Form.Get("scope"), true
		s.assertions = append(s.assertions, r.Form.Get("assertion"))
	}
	if !ok || r.Form.Get("resource") != s.URL {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	answer(w, http.StatusOK, s.issue(given.scope, r.Form.Get("grant_type")))
}

// issue makes tokens. mu is held.
func (s *Server) issue(scope, how string) map[string]any {
	s.counts.Issued++
	access := s.secret("access")
	s.valid[access] = scope
	made := map[string]any{"access_token": access, "token_type": "Bearer", "scope": scope}
	if how == "authorization_code" || how == "refresh_token" {
		refresh := s.secret("refresh")
		s.refreshes[refresh] = grant{scope: scope}
		made["refresh_token"] = refresh
	}
	if s.lifetime > 0 {
		made["expires_in"] = int(s.lifetime.Seconds())
	}
	return made
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who has gone does not hear it
}
