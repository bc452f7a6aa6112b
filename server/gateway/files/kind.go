package files

import (
	"bytes"
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"
)

// types are media types by the end of a name: the same on every host, unlike the host's own table.
var types = map[string]string{
	".c": "text/x-c", ".cc": "text/x-c++", ".conf": "text/plain", ".cpp": "text/x-c++",
	".css": "text/css", ".csv": "text/csv", ".gif": "image/gif", ".go": "text/x-go",
	".h": "text/x-c", ".htm": "text/html", ".html": "text/html", ".ini": "text/plain",
	".java": "text/x-java", ".jpeg": "image/jpeg", ".jpg": "image/jpeg",
	".js": "text/javascript", ".json": "application/json", ".jsonl": "application/jsonl",
	".log": "text/plain", ".md": "text/markdown", ".mp3": "audio/mpeg", ".mp4": "video/mp4",
	".pdf": "application/pdf", ".png": "image/png", ".py": "text/x-python",
	".rs": "text/x-rust", ".rst": "text/x-rst", ".sh": "application/x-sh",
	".sql": "application/sql", ".svg": "image/svg+xml", ".toml": "application/toml",
	".ts": "text/x-typescript", ".tsv": "text/tab-separated-values", ".txt": "text/plain",
	".wav": "audio/wav", ".webp": "image/webp", ".xml": "application/xml",
	".yaml": "application/yaml", ".yml": "application/yaml", ".zip": "application/zip",
}

// typeByName is the type that a name promises, "" for none.
func typeByName(name string) string { return types[strings.ToLower(path.Ext(name))] }

// typeOf is what a file holds, by its name or else by its first bytes.
func typeOf(name string, data []byte) string {
	if kind := typeByName(name); kind != "" {
		return kind
	}
	kind, _, _ := mime.ParseMediaType(http.DetectContentType(data)) // it returns valid ones
	return kind
}

// isText tells whether a file can be sent as text.
func isText(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }
