package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway/declared"
)

// APIOptions say what every request to an API carries, and what its responses may cost.
type APIOptions struct {
	Headers map[string]string
	Query   map[string]string // such as a key of the API's
	Bearer  string            // a token: Authorization: Bearer
	Basic   string            // USER:PASSWORD: Authorization: Basic

	TLS client.TLS // of https

	ConnectionsMax   int // to one host, default 32
	ResponseBytesMax int // read of a response, after decompression; default 4 MiB
	ResultBytesMax   int // of an answer made of it, default 256 KiB
}

// API exchanges requests for answers. It is safe for concurrent use.
type API struct {
	opt    APIOptions
	client http.Client
	header http.Header

	open sync.Mutex // guards transport until it was opened
	via  *http.Transport
}

const (
	connIdle     = 90 * time.Second
	redirectsMax = 5
)

// NewAPI makes an API; nothing is connected to before the first request.
func NewAPI(opt APIOptions) (*API, error) {
	setDefault(&opt.ConnectionsMax, 32)
	setDefault(&opt.ResponseBytesMax, 4<<20)
	setDefault(&opt.ResultBytesMax, 256<<10)
	a := &API{opt: opt, header: http.Header{}}
	if opt.Bearer != "" && opt.Basic != "" {
		return nil, errors.New("cannot use bearer and basic together; keep one")
	}
	headers := maps.Clone(opt.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	if opt.Bearer != "" {
		headers["Authorization"] = "Bearer " + opt.Bearer
	} else if opt.Basic != "" {
		headers["Authorization"] = BasicCredentials(opt.Basic)
	}
	for name, value := range headers {
		if fault := HeaderFault(name, value); fault != "" {
			return nil, errors.New(fault)
		}
		a.header.Set(name, value)
	}
	a.via = &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: connIdle,
		MaxConnsPerHost: opt.ConnectionsMax, MaxIdleConnsPerHost: opt.ConnectionsMax,
		MaxResponseHeaderBytes: 64 << 10, TLSHandshakeTimeout: 10 * time.Second,
	}
	a.client = http.Client{Transport: a.via, CheckRedirect: sameHost}
	return a, nil
}

// Open reads the files of TLS, if that was not done before. Until it has succeeded nothing is
// exchanged.
func (a *API) Open() error {
	a.open.Lock()
	defer a.open.Unlock()
	if a.via.TLSClientConfig != nil {
		return nil
	}
	cfg, err := a.opt.TLS.Config()
	if err != nil {
		return fmt.Errorf("cannot use TLS: %w", err)
	}
	a.via.TLSClientConfig = cfg
	return nil
}

func setDefault(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// BasicCredentials is the header of a user and a password (RFC 7617).
func BasicCredentials(userPassword string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userPassword))
}

// sameHost follows a redirect on the host that was asked, so that nothing is told to another.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host || len(via) > redirectsMax {
		return http.ErrUseLastResponse
	}
	return nil
}

// Close ends the connections that are idle; those in use end with their calls.
func (a *API) Close() { a.client.CloseIdleConnections() }

// response is what came back, read within the limit.
type response struct {
	status   int
	reason   string // "404 Not Found"
	header   http.Header
	body     []byte
	tooLong  bool   // body is the beginning
	url      string // that answered, without its query
	location string // host that a redirect was not followed to; "" for none
}

// exchange sends r and reads the response. The error is one of the connection.
func (a *API) exchange(ctx context.Context, r *Request) (*response, error) {
	var sent atomic.Bool // there was a connection to send it on
	req, err := http.NewRequestWithContext(
		httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
		}), r.Method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, withoutURL(err)
	}
	req.URL.RawQuery = a.query(r)
	req.Header = r.Header
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json, text/*;q=0.9, */*;q=0.5")
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", r.Type)
	}
	for name, values := range a.header { // they win: no argument replaces a credential
		req.Header[name] = values
	}
	for name, value := range r.Own {
		req.Header.Set(name, value)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "mcploop")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		kind := client.ErrUnreachable
		if sent.Load() {
			kind = client.ErrGone
		}
		return nil, failed(ctx, "cannot ask the API", err, kind)
	}
	defer func() { _ = resp.Body.Close() }() // what is left of it is not wanted
	out := &response{status: resp.StatusCode, reason: resp.Status, header: resp.Header}
	at := *resp.Request.URL
	at.RawQuery, at.User = "", nil
	out.url = at.String()
	if next, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		out.location = next.Host
	}
	limit := a.opt.ResponseBytesMax
	out.body, err = io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err != nil {
		return nil, failed(ctx, "cannot read the response", err, client.ErrGone)
	}
	if len(out.body) > limit {
		out.body, out.tooLong = out.body[:limit], true
	}
	return out, nil
}

// query is the request's own, its arguments' and the API's, which takes the place of any of its
// name: an exploded object of arguments must not bring a key of its own.
func (a *API) query(r *Request) string {
	pairs := slices.DeleteFunc(slices.Clone(r.Query), func(p Pair) bool {
		_, ours := a.opt.Query[p.Name]
		return ours
	})
	for _, name := range slices.Sorted(maps.Keys(a.opt.Query)) {
		pairs = append(pairs, Pair{name, a.opt.Query[name]})
	}
	text := EncodePairs(pairs)
	if own := r.URL.RawQuery; own != "" && text != "" {
		return own + "&" + text
	} else if own != "" {
		return own
	}
	return text
}

// failed tells what the end of an exchange says of the API, unless the call itself has ended.
func failed(ctx context.Context, what string, err, kind error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return declared.Failure(fmt.Sprintf("%s: %v", what, withoutURL(err)), nil, kind)
}

// withoutURL takes the URL out of an error: its query may hold a credential.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Fetch reads a document of at most max bytes, with the API's credentials if they are meant for it.
func (a *API) Fetch(ctx context.Context, at *url.URL, max int, ours bool) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	if ours {
		req.Header = a.header.Clone()
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // what is left of it is not wanted
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP %s", resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, int64(max)+1))
	if err == nil && len(data) > max {
		err = fmt.Errorf("it has more than %d bytes", max)
	}
	return data, withoutURL(err)
}
