package oauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// web sends requests, each of which ends in time, with a bounded answer.
type web struct {
	fetcher  *http.Client // follows a few redirects: nothing secret is in what it sends
	poster   *http.Client // follows none
	timeout  time.Duration
	bytesMax int
}

const (
	redirectsMax   = 3
	headerBytesMax = 64 << 10
)

// newWeb returns a web over transport; nil: one of its own, whose dials guard looks at. conf is
// for the server at own.
func newWeb(transport http.RoundTripper, conf *tls.Config, own *url.URL, g *guard,
	timeout time.Duration, bytesMax int,
) *web {
	if transport == nil {
		transport = &http.Transport{
			DialContext: g.dial, DialTLSContext: dialTLS(g, conf, own), DisableKeepAlives: true,
			MaxResponseHeaderBytes: headerBytesMax,
		}
	}
	bounded := &bounded{transport, int64(bytesMax)}
	w := &web{timeout: timeout, bytesMax: bytesMax}
	w.fetcher = &http.Client{Transport: bounded, CheckRedirect: followable}
	w.poster = &http.Client{Transport: bounded, CheckRedirect: unfollowed}
	return w
}

// dialTLS dials with conf where it is meant for. Everybody else proves who they are by its
// authorities, but under their own name and in any case, and gets no certificate of ours.
func dialTLS(g *guard, conf *tls.Config, own *url.URL) func(ctx context.Context, network,
	address string) (net.Conn, error) {
	if conf == nil {
		conf = &tls.Config{}
	}
	others := &tls.Config{RootCAs: conf.RootCAs, MinVersion: conf.MinVersion}
	_, mine, _ := strings.Cut(origin(own), "://")
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		use := others.Clone()
		if strings.EqualFold(address, mine) {
			use = conf.Clone()
		}
		if use.ServerName == "" {
			use.ServerName, _, _ = net.SplitHostPort(address)
		}
		use.NextProtos = []string{"http/1.1"}
		raw, err := g.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := tls.Client(raw, use)
		if err := c.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return c, nil
	}
}

// followable: a redirect goes where the first request could have gone, and not on for ever.
func followable(req *http.Request, via []*http.Request) error {
	if len(via) > redirectsMax {
		return fmt.Errorf("more than %d redirects", redirectsMax)
	}
	_, err := secureURL(req.URL.String())
	return err
}

// unfollowed: what was meant for one place goes to no other.
func unfollowed(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// errAbsent: the document is not there, or what is there is none.
var errAbsent = errors.New("there is no such document")

// document gets the JSON object at that URL. errAbsent in the chain: another place may have it.
func (w *web) document(ctx context.Context, at string, into any) error {
	if _, err := secureURL(at); err != nil {
		return fmt.Errorf("cannot get a document: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return fmt.Errorf("cannot get a document: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := w.fetcher.Do(req)
	if err != nil {
		return fmt.Errorf("cannot get a document: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w at %s (HTTP status %d)", errAbsent, at, resp.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		return fmt.Errorf("%w at %s (it is a page)", errAbsent, at)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", at, err)
	}
	if json.Unmarshal(raw, into) != nil {
		return fmt.Errorf("%w at %s (it is no JSON, or members have other types)", errAbsent, at)
	}
	return nil
}

// post sends body as JSON and reads the JSON of the answer, whatever its status is.
func (w *web) post(ctx context.Context, at string, body, into any) (status int, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := w.poster.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if raw, err = io.ReadAll(resp.Body); err != nil {
		return resp.StatusCode, err
	}
	if json.Unmarshal(raw, into) != nil && resp.StatusCode/100 == 2 {
		return resp.StatusCode, fmt.Errorf("the answer of %s is not the JSON that was asked for",
			at)
	}
	return resp.StatusCode, nil
}

// bounded is a transport whose answers have a limit: more is a fault, not an end.
type bounded struct {
	next http.RoundTripper
	max  int64
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, b.max}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 { // one more byte tells that there are more
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errors.New("the answer is above Options.DocumentBytesMax")
	}
	return n, err
}
