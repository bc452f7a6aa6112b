package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be a peer, for those that serve stdin and stdout.
func TestMain(m *testing.M) {
	if os.Getenv("PEERS_TEST_SERVES") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestLinePeers(t *testing.T) {
	for _, name := range []string{"net-json", "net-codec"} {
		c, err := net.Dial("tcp", start(t, name))
		if err != nil {
			t.Fatal(err)
		}
		checkLines(t, name, c, c)
		c.Close()
	}
}

func TestStdioPeers(t *testing.T) {
	for _, name := range []string{"gosdk", "mcpgo"} {
		cmd := exec.Command(os.Args[0], name, "--stdio")
		cmd.Env = append(os.Environ(), "PEERS_TEST_SERVES=1")
		checkStdio(t, cmd)
	}
}

func TestHTTPPeers(t *testing.T) {
	codec, mcpgo := "http://"+start(t, "fasthttp-codec"), "http://"+start(t, "mcpgo")
	gosdk := func(args ...string) string {
		return "http://" + start(t, append([]string{"gosdk"}, args...)...) + "/mcp"
	}
	checkModern(t, codec)
	checkLegacy(t, codec)
	checkModern(t, mcpgo+"/mcp")
	checkLegacy(t, mcpgo+"/mcp")
	checkModern(t, gosdk("--stateless", "--json"))
	checkLegacy(t, gosdk())
	checkLegacy(t, gosdk("--json"))
}

func TestFixedPeers(t *testing.T) {
	f := func(want string, size int, args ...string) {
		t.Helper()
		url := "http://" + start(t, args...)
		res, err := http.Post(url, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%q: got %d %q, %v", args, res.StatusCode, b, err)
		}
		if size > 0 && len(b) != size {
			t.Errorf("%q: got %d bytes, want %d", args, len(b), size)
		}
	}
	f(`"text":"00000:10000000"`, 0, "nethttp-fixed")
	f(`"text":"00000:10000000xx`, 300, "nethttp-fixed", "--size", "300")
	f(`"text":"00000:10000000xx`, 300, "fasthttp-fixed", "--size", "300")
}

func TestEchoPeers(t *testing.T) {
	for _, name := range []string{"epoll-echo", "netpoll-echo"} {
		c, err := net.Dial("tcp", start(t, name))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "what ever\n")
		got, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || got != "what ever\n" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		c.Close()
	}
}

// TestNetCodecCoalesces: the answers to what came with one read leave with one write, and a line
// that comes in pieces, or is longer than the buffer, is answered all the same.
func TestNetCodecCoalesces(t *testing.T) {
	c, s := net.Pipe()
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go serveFrames(s)
	f := func(answers int, pieces ...string) {
		t.Helper()
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 128<<10)
		n, err := c.Read(buf)
		if got := strings.Count(string(buf[:n]), "\n"); err != nil || got != answers {
			t.Errorf("got %d answers with one write, %v, want %d", got, err, answers)
		}
	}
	one, two := newCall(1, ""), newCall(2, "")
	f(2, one.message+"\n"+two.message+"\n")
	f(1, one.message[:40], one.message[40:]+"\n")
	f(3, two.message+"\n"+one.message+"\n"+two.message+"\n"+one.message[:9])
	f(1, one.message[9:]+"\n")
	opening := `"message":"`
	long := strings.Replace(one.message, opening, opening+strings.Repeat("x", 60<<10), 1)
	f(1, long[:16<<10], long[16<<10:]+"\n")
	f(1, "no JSON\n")
}

func TestFanOut(t *testing.T) {
	addr := start(t, "fan-out")
	const listeners = 3
	var all []net.Conn
	read := func(c net.Conn, want string) {
		t.Helper()
		b := make([]byte, 4096)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second)) // if it fails, Read does
		if n, err := c.Read(b); err != nil || !strings.Contains(string(b[:n]), want) {
			t.Fatalf("got %q, %v, want %q in it", b[:n], err, want)
		}
	}
	for range listeners {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "subscriptions/listen")
		read(c, "acknowledged")
		all = append(all, c)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "tools/call")
	read(c, "200 OK")
	for _, l := range all {
		read(l, "list_changed")
	}
}

func TestUnknownPeer(t *testing.T) {
	for _, args := range [][]string{nil, {"nobody"}, {"epoll-echo", "--size", "x"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}

// TestMany: a crowd of upstreams is there on successive ports, and one can be made bad and well.
func TestMany(t *testing.T) {
	addr := start(t, "many", "--count", "1", "--tools", "3")
	url := "http://" + addr
	ask := func(method, path, body string) string {
		t.Helper()
		req, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		c := http.Client{Timeout: 10 * time.Second}
		res, err := c.Do(req)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return string(b)
	}
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo_0",` +
		`"arguments":{"message":"hello"}}}`
	f := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("got %.300s, want %s in it", got, want)
		}
	}
	f(ask("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), `"name":"echo_2"`)
	f(ask("POST", "/mcp", call), `"text":"hello"`)
	ask("POST", "/be/crashing", "")
	f(ask("POST", "/mcp", call), "EOF")
	for ask("POST", "/be/flooding", "") != "" { // it listens again in a moment
		continue
	}
	f(ask("POST", "/mcp", call), `data: {"jsonrpc"`)
	ask("POST", "/be/well", "")
	f(ask("POST", "/mcp", call), `"text":"hello"`)
	if ask("GET", "/listed", "") == "0" {
		t.Error("it was asked for its tools and does not say so")
	}
}

// TestGoSDKGateway passes a call on.
func TestGoSDKGateway(t *testing.T) {
	up := start(t, "gosdk", "--stateless", "--json")
	g := start(t, "gosdk-gateway", "--stateless", "--json", "--upstream", "http://"+up+"/mcp")
	checkModern(t, "http://"+g+"/mcp")
}
