package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every request that llhttp's own tests say must be refused, over a socket: the last answer is a
// refusal of the HTTP layer, and the connection ends behind it.
func TestHTTPCorpusRefusedOverTheSocket(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpora", "llhttp-requests")
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Skipf("no llhttp corpus: %v; fetch it beside the repository to run this test", err)
	}
	var cases []struct {
		File, Side, Title, Verdict string
	}
	if err := json.Unmarshal(manifest, &cases); err != nil {
		t.Fatal(err)
	}
	closing := []string{ // nobody asked for what comes behind a request that closes: it is dropped
		"request-connection-003.http", "request-connection-009.http",
		"request-connection-010.http",
	}
	tokens := []string{ // methods of their own, which are tokens: refused for what they name
		"request-invalid-004.http", "request-invalid-014.http",
	}
	r := start(t, nil)
	r.watch()
	refused := 0
	for _, c := range cases {
		name := filepath.Base(c.File)
		if c.Side != "request" || c.Verdict != "reject" { // in lenient modes too: we have none
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		wire := string(raw) + "\r\n\r\n"
		if !strings.Contains(strings.ToLower(wire), "\nhost:") { // that is not the case's fault
			wire = strings.Replace(wire, "\r\n", "\r\nHost: localhost\r\n", 1)
		}
		all := r.exchangeHTTP(wire)
		refused++
		last := all[len(all)-1]
		switch {
		case slices.Contains(closing, name):
			if len(all) != 1 || last == 0 {
				t.Errorf("%s (%s): answered %v; want one answer", name, c.Title, all)
			}
		case slices.Contains(tokens, name) && len(all) == 1 && (last == 403 || last == 404):
		case !slices.Contains([]int{400, 405, 414, 431, 501, 505}, last):
			t.Errorf("%s (%s): answered %v; want a refusal at the end", name, c.Title, all)
		}
	}
	if refused != 60 {
		t.Errorf("%d cases; want all 60", refused)
	}
}

// exchangeHTTP sends what may be no HTTP, and returns the status of each answer until the server
// closes; 0 when what it sends is no answer.
func (r *running) exchangeHTTP(wire string) []int {
	r.t.Helper()
	c := r.dialHTTP()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, wire) // the server may have closed already
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	var all []int
	in := bufio.NewReader(c)
	for {
		if _, err := in.Peek(1); err != nil {
			if len(all) == 0 {
				return []int{0}
			}
			return all
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return append(all, 0)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		all = append(all, resp.StatusCode)
	}
}
