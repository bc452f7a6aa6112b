package oauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
)

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// TestReceiver: a browser that comes back ends the wait; others that find the port do not, and
// nothing that they bring is shown to anybody.
func TestReceiver(t *testing.T) {
	w := newWorld(t)
	r, err := oauth.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := w.source(func(opt *oauth.Options) {
		opt.RedirectURL = r.RedirectURL()
		opt.Open = r.Open(func(ctx context.Context, page string) error {
			for _, stray := range []string{"", "?state=x&code=y", "?error=<script>", "/x?state="} {
				if status, body := get(t, r.RedirectURL()+stray); status != 404 ||
					strings.Contains(body, "script") {
					t.Errorf("%q was answered %d %q", stray, status, body)
				}
			}
			back, err := browser(ctx, page)
			if err != nil {
				return err
			}
			if status, body := get(t, back); status != 200 || strings.Contains(body, "HIDDEN") {
				t.Errorf("the browser is shown %d %q", status, body)
			}
			if status, _ := get(t, back); status != 404 {
				t.Errorf("it is taken twice: %d", status)
			}
			return nil
		})
	})
	w.works(s)
	gone, leave := context.WithCancel(t.Context())
	open := r.Open(func(context.Context, string) error { leave(); return nil })
	if _, err := open(gone, "https://as.example/?state=abc"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the caller left", err)
	}
	if _, err := open(t.Context(), "https://as.example/"); err == nil {
		t.Error("a page without a state is waited for")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "mcp.example:80", "127.0.0.1"} {
		if _, err := oauth.Listen(address); err == nil {
			t.Errorf("it listens on %q", address)
		}
	}
}
