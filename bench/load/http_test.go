package load

import (
	"strings"
	"testing"
)

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

func TestResponses(t *testing.T) {
	f := func(in, body string, status int) {
		t.Helper()
		// Cut anywhere: nothing before the end, the same response at the end.
		for n := range len(in) {
			var r responses
			if _, used, err := r.next([]byte(in[:n])); used != 0 || err != nil {
				t.Fatalf("%q: got %d, %v, want to wait for more", in[:n], used, err)
			}
		}
		var r responses
		for range 3 {
			rep, used, err := r.next([]byte(in + "HTTP"))
			if err != nil || used != len(in) || string(rep.body) != body || rep.status != status {
				t.Fatalf("%q: got %+v, %d, %v", in, rep, used, err)
			}
		}
	}
	f(okHead+"Content-Length: 2\r\n\r\n{}", "{}", 200)
	f(okHead+"content-length:0\r\n\r\n", "", 200)
	f(okHead+"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nA\r\n          \r\n1\r\n}\r\n0\r\n\r\n",
		"{"+strings.Repeat(" ", 10)+"}", 200)
	f("HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n", "", 204)
	f("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", "busy", 503)
}

func TestResponseFaults(t *testing.T) {
	f := func(in string) {
		t.Helper()
		var r responses
		if rep, _, err := r.next([]byte(in)); err == nil {
			t.Errorf("%q: got %+v, want an error", in, rep)
		}
	}
	f("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
	f("HTTP/1.1 xxx OK\r\nContent-Length: 0\r\n\r\n")
	f("HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n")
	f("HTTP/1.1 200 OK\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n")
	f(okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")
	f(okHead + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n")
	f(strings.Repeat("x", 65<<10))
}

func TestEachEvent(t *testing.T) {
	var got []string
	eachEvent([]byte(": c\n\nid: 1\nretry: 5\ndata: \n\nevent: message\r\ndata: {\"a\":\r\n"+
		"data:1}\r\n\r\ndata: last"), func(d []byte) { got = append(got, string(d)) })
	if want := `{"a":1}|last`; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzResponses(f *testing.F) {
	f.Add([]byte(okHead+"Content-Length: 2\r\n\r\n{}"), 7)
	f.Add([]byte(okHead+"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), 60)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		var whole, split responses
		want, n, err := whole.next(in)
		if n > len(in) {
			t.Fatalf("got %d bytes used of %d", n, len(in))
		}
		if err != nil || n == 0 || cut < 0 || cut >= n {
			return
		}
		// Two reads give what one read gives.
		if _, used, err := split.next(in[:cut]); used != 0 || err != nil {
			t.Fatalf("got %d, %v for the first %d bytes, want to wait", used, err, cut)
		}
		got, used, err := split.next(in)
		if err != nil || used != n || string(got.body) != string(want.body) {
			t.Fatalf("got %+v, %d, %v, want %+v, %d", got, used, err, want, n)
		}
	})
}
