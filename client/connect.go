package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// Connect dials the server and agrees with it on a revision. ctx bounds that and nothing later.
func Connect(ctx context.Context, opt Options) (*Client, error) {
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	c := &Client{opt: opt, renewal: make(chan struct{}, 1)}
	var err error
	if c.info, err = rawObject("Options.ClientInfo", opt.ClientInfo); err != nil {
		return nil, err
	}
	if c.capabilities, err = opt.capabilities(); err != nil {
		return nil, err
	}
	if opt.answers() && opt.OnRequest == nil {
		c.opt.OnRequest = c.handle
	}
	if err = c.makeGroup(); err != nil {
		return nil, err
	}
	if err = opt.Tokens.begin(ctx); err == nil {
		err = c.dial(ctx)
	}
	if err == nil {
		err = c.agree(ctx)
	}
	if oldTransportMayHelp(&opt, err) {
		err = c.fallBack(ctx, err)
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("cannot connect to %s: %w", opt.server(), err)
	}
	return c, nil
}

// server names the server in errors, without a password.
func (o *Options) server() string {
	if u, err := url.Parse(o.URL); err == nil && o.URL != "" {
		return u.Redacted()
	}
	if o.URL != "" {
		return o.URL
	}
	return fmt.Sprintf("%q", o.Command[0])
}

// makeGroup makes the loop that the connections live on, unless the caller has one.
func (c *Client) makeGroup() error {
	if c.group = c.opt.Group; c.group != nil {
		return nil
	}
	group, err := loop.New(loop.Options{
		Loops:    1,
		CarryMax: c.opt.MessageBytesMax + 256<<10,
		// The outbox is bounded where a call is refused: see line.send.
		OutboxMax: c.opt.outboxMax(),
		Log:       c.opt.Log,
	})
	if err != nil {
		return fmt.Errorf("cannot make a loop: %w", err)
	}
	group.Start()
	c.group, c.ownGroup = group, true
	return nil
}

// dial makes c.mux.
func (c *Client) dial(ctx context.Context) error {
	m, err := dial(ctx, &c.opt, c.group)
	if err != nil {
		return err
	}
	c.mux = m
	return nil
}

// agree finds the era (2026-07-28, basic/versioning, "Backward compatibility").
func (c *Client) agree(ctx context.Context) error {
	pin := mcp.ParseVersion([]byte(c.opt.Version))
	switch {
	case c.opt.Era == Modern, pin.Modern():
		return c.discover(ctx)
	case c.opt.Era == Legacy, pin != mcp.NoVersion, c.opt.overSSE():
		return c.initialize(ctx)
	}
	probe, cancel := context.WithTimeout(ctx, c.opt.ProbeTimeout)
	first := c.discover(probe)
	cancel()
	if first == nil || ctx.Err() != nil || !legacyMayHelp(first) {
		return first
	}
	// A server may end the connection at what it does not know.
	if errors.Is(first, ErrGone) && c.mux.isClosed() {
		<-c.mux.Close()
		if err := c.dial(ctx); err != nil {
			return err
		}
	}
	if err := c.initialize(ctx); err != nil {
		return fmt.Errorf("%w (before that: %w)", err, first)
	}
	return nil
}

// oldTransportMayHelp tells whether a server that refused initialize so may be one of HTTP+SSE
// (2025-11-25, basic/transports, "Backwards compatibility").
func oldTransportMayHelp(opt *Options, err error) bool {
	var status *HTTPError
	if opt.Era == Modern || !strings.HasPrefix(opt.URL, "http") ||
		mcp.ParseVersion([]byte(opt.Version)).Modern() || !errors.As(err, &status) {
		return false
	}
	return status.Status == 400 || status.Status == 404 || status.Status == 405
}

// fallBack tries HTTP+SSE at the same address.
func (c *Client) fallBack(ctx context.Context, first error) error {
	c.awaitEnd(c.mux.Close())
	opt := c.opt
	opt.URL = "sse" + strings.TrimPrefix(opt.URL, "http")
	m, err := dial(ctx, &opt, c.group)
	if err != nil {
		return fmt.Errorf("%w (HTTP+SSE was tried, too: %w)", first, err)
	}
	c.mux = m
	return c.initialize(ctx)
}

// legacyMayHelp tells whether a server that answered server/discover so may know initialize.
func legacyMayHelp(err error) bool {
	var insecure *TLSError
	if errors.Is(err, ErrUnreachable) || errors.As(err, &insecure) || errors.Is(err, errNoToken) {
		return false
	}
	var fault *mcp.Error
	if !errors.As(err, &fault) {
		return true
	}
	switch fault.Code {
	case codec.ErrHeaderMismatch.Code, codec.ErrMissingCapability.Code:
		return false
	case codec.ErrUnsupportedVersion.Code:
		return speaksLegacy(fault.Data)
	}
	return true
}

// supported reads data.supported of -32022; nil: the server has not said.
func supported(data any) []string {
	raw, _ := data.(json.RawMessage)
	var wire struct {
		Supported []string `json:"supported"`
	}
	if json.Unmarshal(raw, &wire) != nil {
		return nil
	}
	return wire.Supported
}

// speaksLegacy tells whether the data of -32022 has a legacy revision; without any nothing is
// excluded.
func speaksLegacy(data any) bool {
	all := supported(data)
	return len(all) == 0 || slices.ContainsFunc(all, func(s string) bool {
		v := mcp.ParseVersion([]byte(s))
		return v != mcp.NoVersion && !v.Modern()
	})
}

// errNoModern: the server knows server/discover and speaks no revision of its era with us.
var errNoModern = errors.New("client: server speaks no modern revision that this client knows")

// discover agrees on the modern era.
func (c *Client) discover(ctx context.Context) error {
	f := newFacts(mcp.LatestModern, "", c.info, c.capabilities)
	c.mux.facts.Store(f)
	d, err := c.askDiscover(ctx, f)
	if err != nil && offersModern(err) {
		d, err = c.askDiscover(ctx, f)
	}
	if err != nil {
		return err
	}
	if !slices.Contains(d.SupportedVersions, mcp.LatestModern.String()) {
		return fmt.Errorf("%w: it says %q", errNoModern, d.SupportedVersions)
	}
	c.server.Store(&serverFacts{
		info: d.Meta.ServerInfo, capabilities: d.Capabilities, instructions: d.Instructions,
	})
	return nil
}

// offersModern tells whether a server refuses a revision and offers one that this client speaks,
// which it is asked by then (2026-07-28, basic/versioning, "Protocol version negotiation").
func offersModern(err error) bool {
	var fault *mcp.Error
	if !errors.As(err, &fault) || fault.Code != codec.ErrUnsupportedVersion.Code {
		return false
	}
	return slices.Contains(supported(fault.Data), mcp.LatestModern.String())
}

// Discovery is what a modern server says of itself (2026-07-28 schema: DiscoverResult).
type Discovery struct {
	SupportedVersions []string        `json:"supportedVersions"`
	Capabilities      json.RawMessage `json:"capabilities"`
	Instructions      string          `json:"instructions"`
	Meta              struct {
		ServerInfo mcp.Implementation `json:"io.modelcontextprotocol/serverInfo"`
	} `json:"_meta"`
}

func (c *Client) askDiscover(ctx context.Context, f *facts) (*Discovery, error) {
	raw, _, err := c.once(ctx, f, request{method: "server/discover"})
	if err != nil {
		return nil, err
	}
	var d Discovery
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("cannot read the answer to server/discover: %w", err)
	}
	return &d, nil
}

// initialize agrees on the legacy era, and opens a session where the transport has them.
func (c *Client) initialize(ctx context.Context) error {
	want := mcp.ParseVersion([]byte(c.opt.Version))
	if want == mcp.NoVersion {
		want = mcp.LatestLegacy
	}
	params := fmt.Appendf(nil, `{"protocolVersion":"%s","capabilities":%s,"clientInfo":%s}`,
		want, c.capabilities, c.info)
	raw, session, err := c.once(ctx, &facts{}, request{method: "initialize", params: params})
	if err != nil {
		return err
	}
	var wire struct {
		ProtocolVersion string             `json:"protocolVersion"`
		Capabilities    json.RawMessage    `json:"capabilities"`
		ServerInfo      mcp.Implementation `json:"serverInfo"`
		Instructions    string             `json:"instructions"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return fmt.Errorf("cannot read the answer to initialize: %w", err)
	}
	got := mcp.ParseVersion([]byte(wire.ProtocolVersion))
	if got == mcp.NoVersion || got.Modern() || c.opt.Version != "" && got != want {
		return fmt.Errorf("cannot use revision %.32q, which the server chose for %q",
			wire.ProtocolVersion, want)
	}
	f := newFacts(got, session, nil, nil)
	initialized := request{method: "notifications/initialized", verb: verbNotify}
	if _, _, err := c.once(ctx, f, initialized); err != nil {
		return err
	}
	c.mux.facts.Store(f)
	c.mux.hear(f)
	c.server.Store(&serverFacts{
		info: wire.ServerInfo, capabilities: wire.Capabilities, instructions: wire.Instructions,
	})
	return nil
}

// renew opens another session when that of f is lost (2025-11-25, basic/transports, "Session
// management": the client MUST initialize again). One caller does it for all.
func (c *Client) renew(ctx context.Context, f *facts) error {
	select {
	case c.renewal <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-c.renewal }()
	if c.mux.facts.Load() != f {
		return nil
	}
	return c.initialize(ctx)
}
