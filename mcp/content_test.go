package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

func TestContentRoundTrip(t *testing.T) {
	size := int64(7)
	want := &CallToolResult{
		Content: []Content{
			&TextContent{Text: "é\n"},
			&ImageContent{Data: []byte{1, 2}, MIMEType: "image/png"},
			&AudioContent{Data: []byte{3}, MIMEType: "audio/wav"},
			&ResourceLink{URI: "x://y", Name: "y", Size: &size},
			&EmbeddedResource{Resource: &ResourceContents{URI: "x://z", Text: "t"}},
			&EmbeddedResource{Resource: &ResourceContents{URI: "x://b", Blob: []byte{9}}},
		},
		StructuredContent: map[string]any{"a": "b"},
		IsError:           true,
	}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got CallToolResult
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if !reflect.DeepEqual(&got, want) {
		t.Errorf("got %s\nwant the same as %+v", raw, want)
	}
}

func TestContentOfAnUnknownTypeIsAnError(t *testing.T) {
	var got CallToolResult
	if err := json.Unmarshal([]byte(`{"content":[{"type":"smell"}]}`), &got); err == nil {
		t.Error("an unknown type was read")
	}
}

func TestWireErrorKeepsReservedCodesBack(t *testing.T) {
	f := func(err error, code, status int, data string) {
		t.Helper()
		e, raw := WireError(err, V20260728)
		if e.Code != code || e.Status != status || string(raw) != data {
			t.Errorf("%v: got %d, %d, %s", err, e.Code, e.Status, raw)
		}
	}
	f(&Error{Code: 4711, Message: "m", Data: []int{1}}, 4711, 200, "[1]")
	f(&Error{Code: -32602, Message: "m"}, -32602, 200, "")
	f(&Error{Code: -32050, Message: "m"}, -32603, 200, "")
	f(errors.New("x"), -32603, 200, "")
	f(MissingCapability("sampling"), -32021, 400, `{"requiredCapabilities":{"sampling":{}}}`)
}

type recorder []string

func (r *recorder) Notify(method string, params []byte) error {
	*r = append(*r, method+" "+string(params))
	return nil
}

func TestProgressMustGrow(t *testing.T) {
	var sent recorder
	req := &Request{Version: V20251125, Params: CallParams{Token: []byte(`"p"`)}}
	req.Bind(&sent, nil)
	f := func(progress float64, ok bool) {
		t.Helper()
		err := req.NotifyProgress(context.Background(),
			ProgressNotificationParams{Progress: progress, Total: 2, Message: "m"})
		if (err == nil) != ok {
			t.Errorf("progress %v: %v", progress, err)
		}
	}
	f(0, true)
	f(0, false)
	f(1.5, true)
	f(1, false)
	want := `notifications/progress {"progressToken":"p","progress":1.5,"total":2,"message":"m"}`
	if len(sent) != 2 || sent[1] != want {
		t.Errorf("sent %v; want 2 with %s", sent, want)
	}
}

func TestLogOnlyFromTheWantedLevelOn(t *testing.T) {
	var sent recorder
	req := &Request{LogLevel: LoggingLevel("warning").Severity()}
	req.Bind(&sent, nil)
	for _, level := range []LoggingLevel{"debug", "info", "warning", "emergency"} {
		if err := req.Log(context.Background(), level, "l", "d"); err != nil {
			t.Error(err)
		}
	}
	if len(sent) != 2 {
		t.Errorf("sent %v; want warning and emergency", sent)
	}
	if req.Log(context.Background(), "loud", "l", "d") == nil {
		t.Error("an unknown level was taken")
	}
}
