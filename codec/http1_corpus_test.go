package codec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// llhttpDir holds llhttp's own test requests, beside the repository.
const llhttpDir = "../../shared/corpora/llhttp-requests"

type llhttpCase struct {
	File     string `json:"file"`
	Side     string `json:"side"`
	Title    string `json:"title"`
	Type     string `json:"llhttp_type"`
	Lenient  bool   `json:"lenient"`
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason"`
	Complete int    `json:"messages_complete"`
}

// llhttpOpen lists what llhttp refuses and we do not, each with the reason.
var llhttpOpen = map[string]string{
	"request-connection-003.http": "data behind a closing request: the door closes and drops it",
	"request-connection-009.http": "data behind a closing request: the door closes and drops it",
	"request-connection-010.http": "data behind a closing request: the door closes and drops it",
	"request-invalid-004.http":    "a method we do not know is a token; the door answers 405",
	"request-invalid-014.http":    "a method we do not know is a token; the door answers 405",
}

// llhttpStrict lists what llhttp accepts and we do not, each with the reason.
var llhttpStrict = map[string]string{
	"request-content-length-016.http":    "the body is still to come; llhttp was told to skip it",
	"request-transfer-encoding-006.http": "Content-Type in a trailer",
	"request-method-012.http":            "ICE is no HTTP",
	"request-method-013.http":            "RTSP is no HTTP",
	"request-method-014.http":            "RTSP is no HTTP",
	"request-method-002.http":            "CONNECT is refused",
	"request-method-003.http":            "CONNECT is refused",
	"request-method-004.http":            "CONNECT is refused",
	"request-uri-009.http":               "CONNECT is refused",
	"request-method-015.http":            "the HTTP/2 preface: * is for OPTIONS",
	"request-method-005.http":            "* is for OPTIONS",
	"request-sample-003.http":            "Host holds an = in place of the port's colon",
	"request-sample-004.http":            "Host holds an = in place of the port's colon",
	"request-sample-010.http":            "HTTP/0.9",
	"request-transfer-encoding-020.http": "a transfer coding besides chunked",
	"request-transfer-encoding-021.http": "a transfer coding besides chunked",
	"request-uri-001.http":               `a URI has no "`,
	"request-uri-003.http":               "the authority is not the Host we put in",
	"request-uri-004.http":               "the authority is not the Host we put in",
	"request-uri-005.http":               "a URI has no |",
	"request-uri-006.http":               "the authority is not the Host we put in",
	"request-uri-008.http":               "a request target has no fragment",
	"request-uri-010.http":               "user information in the authority",
}

// Every request of llhttp's tests: what llhttp refuses we refuse, and what it accepts we
// accept, but for the tables above. Its lenient modes do not concern us: there we need not
// agree. The files were stored without their last CRLF, and most name no Host.
func TestLLHTTPCorpus(t *testing.T) {
	manifest, err := os.ReadFile(filepath.Join(llhttpDir, "manifest.json"))
	if err != nil {
		t.Skipf("no llhttp corpus: %v; fetch it beside the repository to run this test", err)
	}
	var cases []llhttpCase
	if err := json.Unmarshal(manifest, &cases); err != nil {
		t.Fatal(err)
	}
	refused, accepted, used := 0, 0, map[string]bool{}
	for _, c := range cases {
		if c.Side != "request" || c.Lenient || !strings.HasPrefix(c.Type, "request") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(llhttpDir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(c.File)
		s := readHTTP(withHost(string(raw)+"\r\n\r\n"), len(raw)+100, nil)
		strict, open := llhttpStrict[name], llhttpOpen[name]
		used[name] = strict != "" || open != ""
		switch {
		case c.Verdict == "reject" && open == "":
			refused++
			if s.err == nil {
				t.Errorf("%s (%s): accepted %q; llhttp: %s", name, c.Title, s.got, c.Reason)
			}
		case c.Verdict == "accept" && strict == "" || open != "":
			accepted++
			if len(s.got) == 0 {
				t.Errorf("%s (%s): %q, %v; want a request", name, c.Title, s.got, s.err)
			}
		case strict != "" && len(s.got) > 0:
			t.Errorf("%s (%s): accepted %q; want none: %s", name, c.Title, s.got, strict)
		}
	}
	for _, table := range []map[string]string{llhttpOpen, llhttpStrict} {
		for name := range table {
			if !used[name] {
				t.Errorf("%s is in a table and not in the corpus", name)
			}
		}
	}
	t.Logf("%d refused as llhttp does, %d accepted", refused, accepted)
}

// withHost gives every request head without a Host one behind its first line, so that a
// refusal has the reason that the case is about.
func withHost(stream string) string {
	if strings.Contains(strings.ToLower(stream), "\nhost:") {
		return stream
	}
	var b strings.Builder
	for line := range strings.SplitAfterSeq(stream, "\n") {
		b.WriteString(line)
		if strings.Contains(line, " HTTP/1.") && strings.HasSuffix(line, "\r\n") {
			b.WriteString("Host: h\r\n")
		}
	}
	return b.String()
}
