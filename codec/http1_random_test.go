package codec

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The parts of which random requests are put together; the first of each list is plain.
var (
	randomMethods = []string{
		"POST", "GET", "OPTIONS", "DELETE", "post", "M-SEARCH", "G T", "CONNECT", "",
	}
	randomTargets = []string{
		"/mcp", "/", "*", "/a?b=c?d", "/%41%2f?%20", "//h/x", "http://h/x", "http://H:80",
		"https://h?q",
		"/%4", "/%zz", "/a#b", "/a|b", "/..;/%2e", "x", "/:x", "/a:b@c", "http://h:80/a", "/%00",
		"?a",
		"/é", "/[::1]", "http://[::1]/", "/?#", "/a&b=c+d", "/~!$'()*,;=", "http://", "http:/h",
		"//",
	}
	randomVersions = []string{
		"HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/1.1 ", "HTTP/11", "http/1.1",
	}
	randomEnds  = []string{"\r\n", "\n", "\r", "\r\r\n", "\r\n ", "\r\n\r\n", "\x00\r\n"}
	randomHosts = []string{
		"Host: h\r\n", "host:h:80\r\n", "Host: [::1]\r\n", "", "Host: h\r\nHost: h\r\n",
		"Host: H\r\n",
		"Host: \r\n", "Host: a b\r\n", "Host: [::g]\r\n", "Host: h:\r\n", "Host : h\r\n",
	}
	randomFields = []string{
		"X-A: b", "Accept: a/b, c/d", "Connection: close", "Connection: keep-alive",
		"Pragma: no-cache",
		"Content-Length: 5", "Content-Length: 0", "content-length:5", "Content-Length: 05",
		"Content-Length: 5, 5", "Content-Length: +5", "Transfer-Encoding: chunked",
		"Transfer-Encoding:\tChunked ", "Transfer-Encoding: identity",
		"Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding: \x0bchunked", "Trailer: X-A", "Trailer: Content-Length",
		"Expect: 100-continue",
		"Content_Length: 5", "X-A: b\r\n c", "X A: b", ": b", "X-A", "X-A : b", "X-A:\tb\t\xff",
		"X-A: b\x00",
		"mcp-name: b", "MCP-NAME: c", "Upgrade: websocket", "Connection: upgrade,,close ,", "x-a:",
		"Content-Length:", "Transfer-Encoding:", "Cookie: a=b; c", "If-Match: \"x\"", "Host: h",
	}
	randomBodies = []string{
		"", "abcde", "5\r\nabcde\r\n0\r\n\r\n", "5;a=b\r\nabcde\r\n00;c\r\nX-A: b\r\n\r\n",
		"0\r\n\r\n",
		"5 \r\nabcde\r\n0\r\n\r\n", "0x5\r\nabcde\r\n0\r\n\r\n", "5\nabcde\r\n0\r\n\r\n",
		"+5\r\nabcde\r\n",
		"5\r\nabcde0\r\n\r\n", "5\r\nabcde\r\n0\r\nHost: h\r\n\r\n",
		"5\r\nabcde\r\n0\r\n a: b\r\n\r\n",
		"1\r\na\r\n000A\r\n0123456789\r\n0\r\nX: y\r\nZ: \r\n\r\n", "5\r\nabcde\r\n0\r\n\n",
		"ffffffffffffffff1\r\n",
	}
)

// usually picks the plain part most of the time, so that enough requests are good ones.
func usually(rnd *rand.Rand, parts []string) string {
	if rnd.IntN(4) > 0 {
		return parts[0]
	}
	return parts[rnd.IntN(len(parts))]
}

func randomRequest(rnd *rand.Rand) string {
	var b strings.Builder
	b.WriteString(usually(rnd, randomMethods) + " " + usually(rnd, randomTargets) + " ")
	b.WriteString(usually(rnd, randomVersions) + randomEnd(rnd) + usually(rnd, randomHosts))
	for range rnd.IntN(4) {
		b.WriteString(randomFields[rnd.IntN(len(randomFields))] + randomEnd(rnd))
	}
	b.WriteString(randomEnd(rnd) + randomBodies[rnd.IntN(len(randomBodies))])
	return b.String()
}

func randomEnd(rnd *rand.Rand) string {
	if rnd.IntN(20) > 0 {
		return "\r\n"
	}
	return randomEnds[rnd.IntN(len(randomEnds))]
}

// Random bytes seldom are requests; these nearly are. Whatever of them is read, net/http must
// read alike, in any pieces.
func TestRandomRequestsAgainstStd(t *testing.T) {
	const rounds = 30000
	rnd := rand.New(rand.NewPCG(1, 2))
	limits := DefaultHTTPLimits()
	accepted := 0
	for range rounds {
		stream := randomRequest(rnd) + post("Content-Length: 2\r\n", "{}")
		whole := readHTTP(stream, len(stream), &limits)
		pieces := readHTTP(stream, 1+rnd.IntN(len(stream)), &limits)
		if !slices.Equal(whole.got, pieces.got) || whole.err != pieces.err {
			t.Fatalf("%q whole: %q, %v\nin pieces: %q, %v",
				stream, whole.got, whole.err, pieces.got, pieces.err)
		}
		if len(whole.got) > 0 {
			accepted++
		}
		sameAsStd(t, stream, &limits)
	}
	if accepted < rounds/20 || accepted > rounds*19/20 {
		t.Errorf("%d of %d requests were accepted; the parts are out of balance", accepted, rounds)
	}
	t.Logf("%d of %d requests accepted", accepted, rounds)
}
