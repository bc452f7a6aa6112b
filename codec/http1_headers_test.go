package codec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestRequestHeadersRefused(t *testing.T) {
	f := func(name, stream string, status int) {
		t.Helper()
		mustRefuse(t, name, stream, status)
	}
	f("obs-fold with space", post("X-A: a\r\n b\r\n", ""), 400)
	f("obs-fold with tab", post("X-A: a\r\n\tb\r\n", ""), 400)
	f("fold of the first line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400)
	f("space before colon", post("Content-Length : 4\r\n", "abcd"), 400)
	f("tab before colon", post("Content-Length\t: 4\r\n", "abcd"), 400)
	f("space in name", post("Content Length: 4\r\n", "abcd"), 400)
	f("no colon", post("Content-Length\r\n", ""), 400)
	f("empty name", post(": a\r\n", ""), 400)
	f("bare LF in value", post("X-A: a\nX-B: b\r\n", ""), 400)
	f("bare CR in value", post("X-A: a\rX-B: b\r\n", ""), 400)
	f("CR CR LF", post("X-A: a\r\r\n", ""), 400)
	f("bare LF at the end", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400)
	f("bare CR at the end", "GET / HTTP/1.1\r\nHost: h\r\n\rX", 400)
	for c := range 256 {
		octet := string([]byte{byte(c)})
		if c != '\t' && (c < ' ' || c == 0x7f) {
			f(fmt.Sprintf("octet %#x in value", c), post("X-A: "+octet+"b\r\n", ""), 400)
		}
		if strings.ContainsAny(octet, "!#$%&'*+-.^_`|~:") || '0' <= c && c <= '9' ||
			'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			continue
		}
		f(fmt.Sprintf("octet %#x in name", c), post("X"+octet+"A: b\r\n", ""), 400)
		f(fmt.Sprintf("octet %#x in a known name", c), post("Content"+octet+"Type: b\r\n", ""), 400)
	}
	f("header of 100 KB", post("X-A: "+strings.Repeat("a", 100<<10)+"\r\n", ""), 431)
	f("101 headers", post(strings.Repeat("X-A: a\r\n", 100), ""), 431)
	f("head of 17 KB", post(strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 17), ""), 431)
	mustAccept(t, "100 headers", post(strings.Repeat("X-A: a\r\n", 99), ""), 1)
}

func TestRequestHeaderTwins(t *testing.T) {
	for _, name := range []string{
		"Content_Length", "content_type", "Transfer_Encoding", "TRANSFER_ENCODING",
		"Mcp_Session_Id",
		"Mcp-Session_Id", "MCP_Protocol_Version", "Mcp_Method", "Mcp_Name", "Mcp_Param_region",
		"Last_Event_ID", "X_Forwarded_For", "X-Forwarded_Host", "Proxy_Authorization",
		"X_Forwarded_For_And_A_Name_That_Is_Longer_Than_Any_Other", "X_Real_IP",
	} {
		mustRefuse(t, name, post(name+": 5\r\n", ""), 400)
	}
	for _, name := range []string{"X_Custom", "x_request_id", "_", "Tenant_Id"} {
		mustAccept(t, name, post(name+": 5\r\n", ""), 1)
	}
}

func TestRequestHost(t *testing.T) {
	get := func(headers string) string { return "GET /mcp HTTP/1.1\r\n" + headers + "\r\n" }
	mustRefuse(t, "no Host", get(""), 400)
	mustRefuse(t, "two Hosts", get("Host: h\r\nHost: h\r\n"), 400)
	mustRefuse(t, "two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nhost: h\r\n\r\n", 400)
	for _, host := range []string{
		"", ":80", "h:", "h:x", "h:65536", "h:-1", "h:000080", "h:80:80", "a b", "a,b", "h/",
		"h/path",
		"u@h", "h?x", "h#x", "%68", "[::1", "::1", "[]", "[::1]x", "[::1%25eth0]", "[1.2.3.4]",
		"[v1.a]",
		"h\\x", "<h>", "é", "http://h", strings.Repeat("a", 300), "[1:2:3:4:5:6:7:8:9]", "[:::]",
	} {
		mustRefuse(t, "Host "+host, get("Host: "+host+"\r\n"), 400)
	}
	for _, host := range []string{
		"h", "H.example.com", "localhost:8080", "127.0.0.1:0", "my_service:80", "[::1]",
		"[::1]:65535",
		"[2001:DB8::1]:80", "[::ffff:127.0.0.1]", "xn--bcher-kva.example", "h.",
	} {
		mustAccept(t, "Host "+host, get("Host: "+host+"\r\n"), 1)
	}
	f := func(target, host string, status int) {
		t.Helper()
		mustRefuse(t, target, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n", status)
	}
	f("http://other/mcp", "h", 400)
	f("http://h:81/mcp", "h:80", 400)
	f("http://h:80/mcp", "h", 400)
	f("https://h.evil/", "h", 400)
}

func TestRequestFields(t *testing.T) {
	var p RequestParser
	var r Request
	buf := []byte("POST /mcp?a=1?b HTTP/1.1\r\nhost: h\r\nORIGIN: http://h\r\n" +
		"Content-Type: application/json\r\nAccept: text/event-stream\r\n" +
		"Content-Encoding: gzip\r\nAuthorization: Bearer x\r\nMcp-Session-Id: s1\r\n" +
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: \r\n" +
		"Last-Event-ID: 7\r\nMcp-Param-Region: eu\r\nmcp-param-region: us\r\n" +
		"Content-Length: 2\r\nExpect: 100-Continue\r\nConnection: x, Upgrade\r\n\r\n{}")
	n, err := p.Head(buf, &r)
	if err != nil || n != len(buf)-2 {
		t.Fatalf("Head = %d, %v; want %d, nil", n, err, len(buf)-2)
	}
	f := func(name string, got []byte, want string) {
		t.Helper()
		if got == nil || string(got) != want {
			t.Errorf("%s = %q; want %q", name, got, want)
		}
	}
	f("Method", r.Method, "POST")
	f("Target", r.Target, "/mcp?a=1?b")
	f("Path", r.Path, "/mcp")
	f("Query", r.Query, "a=1?b")
	f("Host", r.Host, "h")
	f("Origin", r.Origin, "http://h")
	f("ContentType", r.ContentType, "application/json")
	f("Accept", r.Accept, "text/event-stream")
	f("ContentEncoding", r.ContentEncoding, "gzip")
	f("Authorization", r.Authorization, "Bearer x")
	f("SessionID", r.SessionID, "s1")
	f("ProtocolVersion", r.ProtocolVersion, "2026-07-28")
	f("McpMethod", r.McpMethod, "tools/call")
	f("McpName", r.McpName, "")
	f("LastEventID", r.LastEventID, "7")
	if !r.Expect || !r.Upgrade || !r.KeepAlive || r.Dup || r.ContentLength != 2 {
		t.Errorf("expect %v, upgrade %v, keep-alive %v, dup %v, length %d; want t, t, t, f, 2",
			r.Expect, r.Upgrade, r.KeepAlive, r.Dup, r.ContentLength)
	}
	if v, count := r.Header("mcp-param-region"); string(v) != "eu" || count != 2 {
		t.Errorf("Header = %q, %d; want eu, 2", v, count)
	}
	if v, count := r.Header("mcp-param-other"); v != nil || count != 0 {
		t.Errorf("Header = %q, %d; want nil, 0", v, count)
	}
	// Nothing of it may show in the next request.
	if _, err := p.Head([]byte("GET / HTTP/1.0\r\n\r\n"), &r); err != nil {
		t.Fatal(err)
	}
	empty := Request{
		Method: r.Method, Target: r.Target, Path: r.Path, Headers: r.Headers, ContentLength: -1,
		last: r.last,
	}
	if len(r.Headers) != 0 || fmt.Sprint(r) != fmt.Sprint(empty) {
		t.Errorf("the next request kept something: %+v", r)
	}
}

func TestRequestDuplicates(t *testing.T) {
	f := func(headers string, want bool) {
		t.Helper()
		var r Request
		if _, err := new(RequestParser).Head([]byte(post(headers, "")), &r); err != nil {
			t.Fatal(err)
		}
		if r.Dup != want {
			t.Errorf("Dup = %v after %q; want %v", r.Dup, headers, want)
		}
	}
	for _, name := range []string{
		"Origin", "Content-Type", "Content-Encoding", "Authorization", "Mcp-Session-Id",
		"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Last-Event-ID",
	} {
		f(name+": a\r\n", false)
		f(name+": a\r\n"+strings.ToLower(name)+": a\r\n", true)
		f(name+":\r\n"+name+": a\r\n", true)
	}
	f("Accept: a/b\r\nAccept: c/d\r\n", false)
	f("X-A: a\r\nX-A: a\r\n", false)
}

func TestRequestKeepAlive(t *testing.T) {
	f := func(version, connection string, want bool) {
		t.Helper()
		head := "GET / " + version + "\r\nHost: h\r\n" + connection + "\r\n"
		var r Request
		if _, err := new(RequestParser).Head([]byte(head), &r); err != nil {
			t.Fatal(err)
		}
		if r.KeepAlive != want {
			t.Errorf("KeepAlive = %v of %q; want %v", r.KeepAlive, head, want)
		}
	}
	f("HTTP/1.1", "", true)
	f("HTTP/1.1", "Connection: close\r\n", false)
	f("HTTP/1.1", "Connection: x,\tCLOSE\t\r\n", false)
	f("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false)
	f("HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", false)
	f("HTTP/1.1", "Connection: closed, notclose\r\n", true)
	f("HTTP/1.0", "", false)
	f("HTTP/1.0", "Connection: Keep-Alive\r\n", true)
	f("HTTP/1.0", "Connection: keep-alive, close\r\n", false)
}

func TestRequestAccepts(t *testing.T) {
	f := func(headers, mediaType string, want bool) {
		t.Helper()
		var r Request
		if _, err := new(RequestParser).Head([]byte(post(headers, "")), &r); err != nil {
			t.Fatal(err)
		}
		if got := r.Accepts(mediaType); got != want {
			t.Errorf("%q accepts %s: %v; want %v", headers, mediaType, got, want)
		}
	}
	f("", "application/json", true)
	f("Accept:\r\n", "application/json", false)
	f("Accept: application/json, text/event-stream\r\n", "text/event-stream", true)
	f("Accept: application/json\r\nAccept: text/event-stream\r\n", "text/event-stream", true)
	f("Accept: application/json\r\n", "text/event-stream", false)
	f("Accept: Application/JSON; charset=utf-8\r\n", "application/json", true)
	f("Accept: */*\r\n", "application/json", true)
	f("Accept: application/*\r\n", "application/json", true)
	f("Accept: app/*\r\n", "application/json", false)
	f("Accept: */*, application/json;q=0\r\n", "application/json", false)
	f("Accept: application/json;q=0.000, */*\r\n", "application/json", false)
	f("Accept: application/json;q=0.001\r\n", "application/json", true)
	f("Accept: application/jsonp\r\n", "application/json", false)
	f("Accept: text/event-stream;q=0.9;x=1\r\n", "text/event-stream", true)
	if !IsMediaType([]byte("application/JSON ;charset=utf-8"), "application/json") ||
		IsMediaType([]byte("application/json5"), "application/json") ||
		IsMediaType([]byte("text/plain, application/json"), "application/json") {
		t.Error("IsMediaType is wrong about a type and its parameters")
	}
}

// nextControl works on blocks; every position and octet must come out as one by one.
func TestNextControl(t *testing.T) {
	buf := bytes.Repeat([]byte("a"), 80)
	for at := range buf {
		for c := range 256 {
			buf[at] = byte(c)
			want := len(buf)
			if c < ' ' && c != '\t' || c == 0x7f {
				want = at
			}
			if got := nextControl(buf, at/3); got != want {
				t.Fatalf("octet %#x at %d: got %d; want %d", c, at, got, want)
			}
		}
		buf[at] = 'a'
	}
	tabs := bytes.Repeat([]byte("\t\xff\x80~"), 40)
	if got := nextControl(append(tabs, 0), 0); got != len(tabs) {
		t.Errorf("behind tabs: got %d; want %d", got, len(tabs))
	}
}

// The names are compared by their ends; a name that differs in one octet must not pass.
func TestKnownNames(t *testing.T) {
	for name, id := range knownNames {
		for _, spelled := range []string{name, strings.ToUpper(name)} {
			if got := knownName([]byte(spelled)); got != id {
				t.Errorf("knownName(%q) = %d; want %d", spelled, got, id)
			}
		}
		for i := range name {
			for c := byte('!'); c < 0x7f; c++ {
				b := []byte(name)
				b[i] = c
				want := knownNone
				if strings.ToLower(string(b)) == name {
					want = id
				}
				if got := knownName(b); got != want {
					t.Errorf("knownName(%q) = %d; want %d", b, got, want)
				}
			}
		}
	}
}
