package openapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// fetch reads the document, a file or a URL.
func (p *Provider) fetch(ctx context.Context) ([]byte, error) {
	limit := p.opt.DocumentBytesMax
	if at := documentURL(p.opt.Document); at != nil {
		data, err := p.api.Fetch(ctx, at, limit, p.base != nil && sameOrigin(at, p.base))
		if err != nil {
			return nil, fmt.Errorf("cannot fetch the document: %w", err)
		}
		return data, nil
	}
	f, err := os.Open(p.opt.Document)
	if err != nil {
		return nil, fmt.Errorf("cannot open the document: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("it has more than %d bytes; raise document_bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the document: %w", err)
	}
	return data, nil
}

// documentURL is the URL of a document; nil for a file.
func documentURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	return u
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// parse reads a document, and refuses one that is none. References out of it are refused, too.
func parse(ctx context.Context, data []byte) (doc *openapi3.T, err error) {
	defer func() { // of a library that walks what others have written
		if p := recover(); p != nil {
			doc, err = nil, fmt.Errorf("cannot read the document: %v", p)
		}
	}()
	loader := openapi3.NewLoader()
	loader.Context = ctx
	doc, err = loader.LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read the document: %w", short(err))
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.0") && !strings.HasPrefix(doc.OpenAPI, "3.1") {
		return nil, fmt.Errorf("cannot use a document of OpenAPI %.32q; it must be 3.0 or 3.1",
			doc.OpenAPI)
	}
	err = doc.Validate(ctx, openapi3.DisableExamplesValidation(),
		openapi3.DisableSchemaDefaultsValidation(), openapi3.DisableSchemaPatternValidation())
	if err != nil {
		return nil, fmt.Errorf("cannot use the document: %w", short(err))
	}
	return doc, nil
}

// short keeps what a library says of a document short.
func short(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if len(text) > shortBytes {
		text = strings.ToValidUTF8(text[:shortBytes], "") + "…"
	}
	return errors.New(text)
}

const shortBytes = 400

// baseOf is where requests go: base_url, or the document's first server. A document that was
// fetched may name its own host alone: it is not the operator's word.
func (p *Provider) baseOf(doc *openapi3.T) (*url.URL, error) {
	if p.base != nil {
		return p.base, nil
	}
	at := documentURL(p.opt.Document)
	if len(doc.Servers) == 0 || doc.Servers[0] == nil {
		return nil, errors.New("the document names no server; write base_url")
	}
	text := doc.Servers[0].URL
	for name, v := range doc.Servers[0].Variables {
		if v != nil {
			text = strings.ReplaceAll(text, "{"+name+"}", v.Default)
		}
	}
	u, err := url.Parse(text)
	if err == nil && at != nil {
		u = at.ResolveReference(u)
	}
	if err == nil {
		u, err = rest.ParseBase(u.String())
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot use the document's server %.100q; write base_url", text)
	case at != nil && !sameOrigin(at, u):
		return nil, fmt.Errorf("the document names a server on another host, %q; write base_url "+
			"if that is meant", u.Host)
	}
	return u, nil
}
