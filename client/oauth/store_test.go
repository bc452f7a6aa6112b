package oauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestStoredIsNotPrinted: whatever is done to show it but JSON, which Stores write, hides secrets.
func TestStoredIsNotPrinted(t *testing.T) {
	s := &Stored{
		Issuer: "https://as.example", Audience: "https://mcp.example", Access: "HIDDEN-A",
		Refresh: "HIDDEN-B", Client: Client{ID: "id", Secret: "HIDDEN-C"},
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "v", *s, "a", s.Access)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "a", s.Access)
	shown := log.String() + fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v %x", s, s, s, s, s.Access, *s,
		*s, s.Client, s.Refresh)
	if strings.Contains(shown, "HIDDEN") {
		t.Errorf("secrets are shown: %s", shown)
	}
	var back Stored
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &back); err != nil || back.Access != s.Access ||
		back.Client != s.Client {
		t.Errorf("JSON lost something: %s, %v", raw, err)
	}
}
