package mcp

// Resource is something that a client can read (schema: Resource). URI is absolute; Size is in
// bytes, before any encoding.
type Resource struct {
	URI         string       `json:"uri"`
	Name        string       `json:"name"`
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	MIMEType    string       `json:"mimeType,omitempty"`
	Size        *int64       `json:"size,omitempty"`
	Annotations *Annotations `json:"annotations,omitempty"`
	Icons       []Icon       `json:"icons,omitempty"`
	Meta        Meta         `json:"_meta,omitempty"`
}

// ResourceTemplate is a family of resources (schema: ResourceTemplate). URITemplate is an RFC
// 6570 template; CompileTemplate says which.
type ResourceTemplate struct {
	URITemplate string       `json:"uriTemplate"`
	Name        string       `json:"name"`
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	MIMEType    string       `json:"mimeType,omitempty"`
	Annotations *Annotations `json:"annotations,omitempty"`
	Icons       []Icon       `json:"icons,omitempty"`
	Meta        Meta         `json:"_meta,omitempty"`
}

// ReadResourceParams are the parameters of resources/read (schema: ReadResourceRequestParams).
type ReadResourceParams struct {
	URI string
	// Variables are the values of the template's variables, percent-decoded; nil for a resource
	// that is no template's.
	Variables map[string]string
}

// ReadResourceRequest is one resources/read as its handler sees it.
type ReadResourceRequest struct {
	*Request
	Params ReadResourceParams
}

// ReadResourceResult is the answer of resources/read (schema: ReadResourceResult). Contents must
// not be empty: a resource that does not exist is the error ResourceNotFound. TTLMs and CacheScope
// tell modern clients how long the contents may be reused, in milliseconds, and by whom
// ("private", the default, or "public"); they are not sent to legacy ones.
type ReadResourceResult struct {
	Contents   []*ResourceContents `json:"contents"`
	TTLMs      int64               `json:"ttlMs,omitempty"`
	CacheScope string              `json:"cacheScope,omitempty"`
	Meta       Meta                `json:"_meta,omitempty"`
}

// ListResourcesResult is one page of resources (schema: ListResourcesResult), as a client reads
// it.
type ListResourcesResult struct {
	Resources  []Resource `json:"resources"`
	NextCursor string     `json:"nextCursor,omitempty"`
	TTLMs      int64      `json:"ttlMs,omitempty"`
	CacheScope string     `json:"cacheScope,omitempty"`
}

// ListResourceTemplatesResult is one page of templates (schema: ListResourceTemplatesResult), as
// a client reads it.
type ListResourceTemplatesResult struct {
	ResourceTemplates []ResourceTemplate `json:"resourceTemplates"`
	NextCursor        string             `json:"nextCursor,omitempty"`
	TTLMs             int64              `json:"ttlMs,omitempty"`
	CacheScope        string             `json:"cacheScope,omitempty"`
}
