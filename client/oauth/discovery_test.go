package oauth_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
)

const (
	prmOfPath = "rs GET /.well-known/oauth-protected-resource/mcp"
	prmOfRoot = "rs GET /.well-known/oauth-protected-resource"
	asOAuth   = "as GET /.well-known/oauth-authorization-server"
	asOpenID  = "as GET /.well-known/openid-configuration"
)

// TestPlaces: documents are asked for in the order of the specification, and no others.
func TestPlaces(t *testing.T) {
	gone := func(w *world, keys ...string) {
		for _, key := range keys {
			w.on[key] = http.NotFound
		}
	}
	tenant := func(w *world) { // an issuer with a path
		w.prm["authorization_servers"] = []string{w.as.URL + "/t1"}
		w.meta["issuer"] = w.as.URL + "/t1"
	}
	for name, c := range map[string]struct {
		change func(*world)
		want   []string
	}{
		"as the challenge says": {func(w *world) {
			w.on["rs POST /mcp"] = moved(w, w.rs.URL+"/elsewhere.json")
			w.on["rs GET /elsewhere.json"] = w.resource
		}, []string{"rs GET /elsewhere.json", asOAuth}},
		"well known, with the path": {func(w *world) {
			w.on["rs POST /mcp"] = moved(w, "")
		}, []string{prmOfPath, asOAuth}},
		"well known, at the root": {func(w *world) {
			w.on["rs POST /mcp"] = moved(w, "")
			gone(w, prmOfPath)
			w.on[prmOfRoot] = w.resource
			w.prm["resource"] = w.rs.URL
		}, []string{prmOfPath, prmOfRoot, asOAuth}},
		"OpenID": {func(w *world) {
			gone(w, asOAuth)
			w.on[asOpenID] = w.metadata
		}, []string{prmOfPath, asOAuth, asOpenID}},
		"a page in place of a document": {func(w *world) {
			w.on[asOAuth] = func(rw http.ResponseWriter, _ *http.Request) {
				_, _ = rw.Write([]byte("<!doctype html><p>Welcome"))
			}
			w.on[asOpenID] = w.metadata
		}, []string{prmOfPath, asOAuth, asOpenID}},
		"tenant, OAuth": {func(w *world) {
			tenant(w)
			w.on[asOAuth+"/t1"] = w.metadata
		}, []string{prmOfPath, asOAuth + "/t1"}},
		"tenant, OpenID before the path": {func(w *world) {
			tenant(w)
			w.on[asOpenID+"/t1"] = w.metadata
		}, []string{prmOfPath, asOAuth + "/t1", asOpenID + "/t1"}},
		"tenant, OpenID behind the path": {func(w *world) {
			tenant(w)
			w.on["as GET /t1/.well-known/openid-configuration"] = w.metadata
		}, []string{
			prmOfPath, asOAuth + "/t1", asOpenID + "/t1",
			"as GET /t1/.well-known/openid-configuration",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			silent(w)
			w.works(w.source(nil))
			var got []string
			for _, key := range w.log {
				if strings.Contains(key, " GET /") && !strings.HasSuffix(key, "/authorize") {
					got = append(got, key)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("it asked for\n%s\nwant\n%s", strings.Join(got, "\n"),
					strings.Join(c.want, "\n"))
			}
		})
	}
}

// moved is /mcp whose challenge names other metadata, or none.
func moved(w *world, where string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, known := w.tokens[token]; known {
			return
		}
		rw.Header().Add("WWW-Authenticate", `Negotiate`)
		if where != "" {
			where = `, resource_metadata="` + where + `"`
		}
		rw.Header().Add("WWW-Authenticate", `Bearer realm="a, b"`+where)
		rw.WriteHeader(http.StatusUnauthorized)
	}
}

// silent is an authorization server that does not say who it is, whose issuer is another.
func silent(w *world) {
	w.meta["authorization_response_iss_parameter_supported"] = nil
	w.back = func(q url.Values) { q.Del("iss") }
}

// TestServersOf20250326: a server without metadata of its own is its own authorization server;
// its endpoints have names of that revision when it does not say others.
func TestServersOf20250326(t *testing.T) {
	for _, says := range []bool{true, false} {
		w := newWorld(t)
		w.on["rs POST /mcp"] = moved(w, "")
		w.on[prmOfPath] = http.NotFound
		silent(w)
		w.on["rs GET /authorize"] = w.authorize
		w.on["rs POST /token"], w.on["rs POST /register"] = w.token, w.register
		if says {
			const root = "rs GET /.well-known/oauth-authorization-server"
			w.on[root] = w.metadata
			w.meta["issuer"] = w.rs.URL + "/" // as some write it
			w.meta["token_endpoint"] = w.rs.URL + "/oauth/token"
			w.on["rs POST /oauth/token"] = w.token
		}
		s := w.source(nil)
		w.works(s)
		if n := w.asked("rs POST /token"); says != (n == 0) {
			t.Errorf("metadata %v: the token endpoint of 2025-03-26 was asked %d times", says, n)
		}
		if got := w.forms[0].Get("resource"); got != w.url() {
			t.Errorf("metadata %v: the token is for %q", says, got)
		}
	}
}

// TestLoginBeforeAnything: a server that lets everybody in is logged in to when that is asked
// for, but only where it says.
func TestLoginBeforeAnything(t *testing.T) {
	w := newWorld(t)
	w.prm["scopes_supported"] = []string{"b", "a"}
	s := w.source(nil)
	if err := s.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if value, _, err := s.Token(t.Context()); err != nil || value != "Bearer HIDDEN-access-1" {
		t.Errorf("the token is %q, %v", value, err)
	}
	if got := w.pages[0].Get("scope"); got != "a b" {
		t.Errorf("it asked for the scopes %q", got)
	}
	open := newWorld(t)
	open.on[prmOfPath] = http.NotFound
	err := open.source(nil).Login(t.Context())
	if err == nil || open.asked("rs GET /authorize")+open.asked("rs POST /register") != 0 {
		t.Errorf("it logged in where nobody said: %v, %v", err, open.log)
	}
}

// TestConfiguredIssuer: what is configured goes to whom it is for; also when the server says
// nothing.
func TestConfiguredIssuer(t *testing.T) {
	w := newWorld(t)
	w.prm["authorization_servers"] = []string{"https://other.example", w.as.URL}
	pin := func(issuer string) *oauth.Source {
		return w.source(func(opt *oauth.Options) { opt.Issuer = issuer })
	}
	w.works(pin(w.as.URL))
	w.set(func() { w.on[prmOfPath] = http.NotFound; w.on["rs POST /mcp"] = moved(w, "") })
	w.works(pin(w.as.URL))
	w.set(func() { delete(w.on, prmOfPath) })
	before := w.asked(asOAuth)
	fails(t, w, pin("http://localhost:1/as"), "not Options.Issuer")
	if w.asked(asOAuth) != before {
		t.Error("another authorization server was asked")
	}
}
