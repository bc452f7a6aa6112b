package callers

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// served starts the server and returns options for it.
func served(t *testing.T, secure bool) Options {
	t.Helper()
	in, end := io.Pipe()
	says, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Serve(in, out, secure) }()
	t.Cleanup(func() {
		_ = end.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(says).ReadBytes('\n')
	var s Served
	if err = errors.Join(err, json.Unmarshal(line, &s)); err != nil {
		t.Fatal(err)
	}
	o := Options{
		URL: s.URL, Tool: "echo", Args: `{"message":"hello"}`, Expect: "hello",
		Conns: 4, Rounds: 1, Span: 50 * time.Millisecond,
	}
	if secure {
		o.TLS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(o.TLS.CAFile, []byte(s.CA), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// TestRun: both clients make checked calls, plain and over TLS.
func TestRun(t *testing.T) {
	for _, secure := range []bool{false, true} {
		o := served(t, secure)
		if strings.HasPrefix(o.URL, "https:") != secure {
			t.Errorf("TLS %v: the server is at %s", secure, o.URL)
		}
		rows, err := Run(t.Context(), o)
		if err != nil || len(rows) != 2 {
			t.Fatalf("TLS %v: got %v, %v", secure, rows, err)
		}
		for _, r := range rows {
			if r.Calls == 0 || r.Rate <= 0 || r.CPU <= 0 {
				t.Errorf("TLS %v: got %+v", secure, r)
			}
		}
		var table strings.Builder
		if err := WriteTable(&table, rows); err != nil ||
			strings.Count(table.String(), "\n") != 3 {
			t.Errorf("the table is %q, %v", &table, err)
		}
	}
}

// TestRunFails: an answer that is not the expected one, or a server that is not believed, is no
// measurement with either client.
func TestRunFails(t *testing.T) {
	o := served(t, true)
	for name, call := range map[string]caller{"mux": callMux, "net/http": callNetHTTP} {
		wrong := o
		wrong.Expect, wrong.Span = "good bye", time.Minute
		if _, _, _, err := round(t.Context(), &wrong, call); !errors.Is(err, errWrong) {
			t.Errorf("%s: got %v, want %v", name, err, errWrong)
		}
		stranger := o
		stranger.TLS.CAFile, stranger.Span = "", time.Minute
		_, _, _, err := round(t.Context(), &stranger, call)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "tls") {
			t.Errorf("%s: got %v, want that the server is not trusted", name, err)
		}
		stranger.TLS.SkipVerify, stranger.Span = true, o.Span
		if _, _, _, err := round(t.Context(), &stranger, call); err != nil {
			t.Errorf("%s: without verification: %v", name, err)
		}
	}
	o.Conns = 0
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("it makes no calls at a time")
	}
}
