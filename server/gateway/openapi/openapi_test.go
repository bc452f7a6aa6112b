package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp/schema"
	"github.com/mcploop/mcploop/server/gateway/openapi"
)

const (
	petstore30 = "testdata/petstore30.yaml"
	petstore31 = "testdata/petstore31.json"
)

// TestOperationsAreTools: names, texts and hints of a document of each version.
func TestOperationsAreTools(t *testing.T) {
	tools := list(t, provide(t, openapi.Options{Document: petstore30, BaseURL: "http://h/"}))
	want := "createPet delete_pets_petId getPet listPets placeOrder putBlob putNote styles " +
		"uploadPhoto"
	if got := strings.Join(slices.Sorted(maps.Keys(tools)), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if d := tools["listPets"]; d.Title != "List pets" ||
		d.Description != "Every pet that the store has." || !d.Annotations.ReadOnlyHint ||
		d.OutputSchema != nil {
		t.Errorf("got %+v", d)
	}
	if d := tools["delete_pets_petId"]; d.Description != "DELETE /pets/{petId}" ||
		!*d.Annotations.DestructiveHint || !d.Annotations.IdempotentHint {
		t.Errorf("got %+v", d)
	}
	tools = list(t, provide(t, openapi.Options{Document: petstore31}))
	if got := fmt.Sprint(slices.Sorted(maps.Keys(tools))); got != "[pets_get pets_update]" {
		t.Errorf("got %s", got)
	}
	if tools["pets_get"].OutputSchema == nil || tools["pets_update"].OutputSchema != nil {
		t.Error("an output schema is of the one response that is well, or of none")
	}
}

// TestSelection: what is offered is what all filters select.
func TestSelection(t *testing.T) {
	f := func(want string, change func(*openapi.Options)) {
		t.Helper()
		opt := openapi.Options{Document: petstore30, BaseURL: "http://h/"}
		change(&opt)
		tools := list(t, provide(t, opt))
		if got := strings.Join(slices.Sorted(maps.Keys(tools)), " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("getPet listPets", func(o *openapi.Options) { o.Operations = []string{"list*", "getPet"} })
	f("placeOrder", func(o *openapi.Options) { o.Tags = []string{"store"} })
	f("delete_pets_petId", func(o *openapi.Options) { o.Methods = []string{"DELETE"} })
	f("createPet listPets", func(o *openapi.Options) { o.Paths = []string{"/pets"} })
	f("createPet", func(o *openapi.Options) {
		o.Paths, o.Methods = []string{"/pets"}, []string{"POST"}
	})
	f("putBlob styles", func(o *openapi.Options) { o.OperationsMax = 2 })
	none := provide(t, openapi.Options{
		Document: petstore30, BaseURL: "http://h/", Tags: []string{"x"},
	})
	if _, err := none.List(t.Context()); err == nil || !strings.Contains(err.Error(), "tags") {
		t.Errorf("got %v, want where to look", err)
	}
}

// TestSchemas: what fits the document's schemas fits the tool's, and nothing else.
func TestSchemas(t *testing.T) {
	tools := list(t, provide(t, openapi.Options{Document: petstore30, BaseURL: "http://h/"}))
	maps.Copy(tools, list(t, provide(t, openapi.Options{Document: petstore31})))
	f := func(raw json.RawMessage, value string, fits bool) {
		t.Helper()
		c, err := schema.Compile(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if err := c.Check([]byte(value)); (err == nil) != fits {
			t.Errorf("%s: %v, of %s", value, err, raw)
		}
	}
	in := func(name, args string, fits bool) {
		t.Helper()
		f(tools[name].InputSchema, args, fits)
	}
	in("listPets", `{"limit":1,"tags":["a"],"ids":[1],"filter":{"a":"b"},"where":{}}`, true)
	in("listPets", `{"limit":0}`, false)
	in("listPets", `{"limit":101}`, false)
	in("listPets", `{"Authorization":"x"}`, false)
	in("listPets", `{"ids":["x"]}`, false)
	in("createPet", `{}`, false)
	in("createPet", `{"body":{"name":"rex"}}`, true) // id is read only
	in("createPet", `{"body":{"name":"rex","secret":"s","nick":null,"owner":null}}`, true)
	in("createPet", `{"body":{"name":"rex","nick":"c"}}`, false)
	in("createPet", `{"body":{"name":"r","children":[{"name":"a","owner":{"pets":[{}]}}]}}`, false)
	in("createPet", `{"body":{"name":"r","children":[{"name":"a","owner":{"pets":[]}}]}}`, true)
	in("getPet", `{}`, false)
	in("getPet", `{"petId":"a"}`, true)
	f(tools["getPet"].OutputSchema, `{"id":1,"name":"r"}`, true)
	f(tools["getPet"].OutputSchema, `{"name":"r"}`, false)
	in("pets_get", `{"pet.id":1,"pet.id_query":null,"body_query":"full"}`, true)
	in("pets_get", `{"pet.id":"1"}`, false)
	in("pets_get", `{"pet.id":1,"body_query":"half"}`, false)
	in("pets_update", `{"pet.id":1,"body":{"age":1,"kind":"cat","any":[]}}`, true)
	in("pets_update", `{"pet.id":1,"body":{"age":1}}`, false)
	in("pets_update", `{"pet.id":1,"body":{"age":0,"kind":"dog"}}`, false)
	in("pets_update", `{"pet.id":1,"body":{"never":1}}`, false)
	in("pets_update", `{"pet.id":1,"body":{"more":1}}`, false)
	f(tools["pets_get"].OutputSchema, `{"id":1,"tags":["a"],"parent":{"id":2}}`, true)
	f(tools["pets_get"].OutputSchema, `{"id":1,"parent":{}}`, false)
	for name, tool := range tools {
		if s := string(tool.InputSchema); strings.Contains(s, "components") ||
			strings.Contains(s, "example") || strings.Contains(s, "readOnly") {
			t.Errorf("%s: %s", name, s)
		}
	}
}

// TestParameters: each style in its place.
func TestParameters(t *testing.T) {
	a := start(t, openapi.Options{Document: petstore30})
	a.answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":1,"name":"x"}`) })
	list(t, a.Provider)
	f := func(name, args, target string, check func(seen)) {
		t.Helper()
		if r := a.must(name, args); r.IsError {
			t.Fatalf("%s %s: %+v", name, args, r)
		}
		got := a.got()
		if got.RequestURI != target {
			t.Errorf("%s %s: asked for %s, want %s", name, args, got.RequestURI, target)
		}
		if check != nil {
			check(got)
		}
	}
	f("listPets", `{"limit":5}`, "/v1/pets?limit=5", nil)
	f("listPets", `{"tags":["a b","c&d"]}`, "/v1/pets?tags=a%20b&tags=c%26d", nil)
	f("listPets", `{"ids":[1,2]}`, "/v1/pets?ids=1%2C2", nil)
	f("listPets", `{"pipe":["a","b"]}`, "/v1/pets?pipe=a%7Cb", nil)
	f("listPets", `{"filter":{"z":"1","a":"&"}}`, "/v1/pets?filter%5Bz%5D=1&filter%5Ba%5D=%26", nil)
	f("listPets", `{"free":{"z":"1","a":"2"}}`, "/v1/pets?z=1&a=2", nil)
	f("listPets", `{"where":{"a":[1]}}`, "/v1/pets?where=%7B%22a%22%3A%5B1%5D%7D", nil)
	f("listPets", `{"X-Request-ID":"r 1","session":"s;x=1"}`, "/v1/pets", func(got seen) {
		c, err := got.Cookie("session")
		if err != nil || c.Value != "s%3Bx%3D1" || got.Header.Get("X-Request-ID") != "r 1" {
			t.Errorf("got %v", got.Header)
		}
	})
	f("getPet", `{"petId":"a/b?c"}`, "/v1/pets/a%2Fb%3Fc", nil)
	f("styles", `{"m":["a","b"],"l":["c","d"],"s":{"k":"v","x":"y"}}`,
		"/v1/matrix/;m=a,b/.c.d/k=v,x=y", nil)
}

// TestBodies: each type of a body.
func TestBodies(t *testing.T) {
	a := start(t, openapi.Options{Document: petstore30})
	list(t, a.Provider)
	f := func(name, args, kind, body string) {
		t.Helper()
		if r := a.must(name, args); r.IsError {
			t.Fatalf("%s %s: %+v", name, args, r)
		}
		got := a.got()
		if got.body != body || got.Header.Get("Content-Type") != kind {
			t.Errorf("%s %s: got %s of %s", name, args, got.body, got.Header.Get("Content-Type"))
		}
	}
	f("placeOrder", `{"body":{"pet":1,"notes":["a&b","c"]}}`, "application/x-www-form-urlencoded",
		"notes=a%26b&notes=c&pet=1")
	f("placeOrder", `{}`, "", "")
	f("putNote", `{"body":"a\n{b}"}`, "text/plain", "a\n{b}")
	f("putBlob", `{"body":"AP8="}`, "application/octet-stream", "\x00\xff")
	a.answers(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":1,"name":"x"}`)
	})
	f("createPet", `{"body":{"name": "x","weird":"\u0041"}}`, "application/json",
		`{"name": "x","weird":"\u0041"}`)
	if r := a.must("putBlob", `{"body":"no base64"}`); !r.IsError || len(a.seen) != 0 {
		t.Errorf("got %+v", r)
	}
	const caption = "a\r\nContent-Type: text/html\r\n\r\n<x>"
	raw, err := json.Marshal(map[string]any{
		"petId": "1", "body": map[string]string{"caption": caption, "file": "AP8="},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.answers(func(http.ResponseWriter, *http.Request) {})
	a.must("uploadPhoto", string(raw))
	got := a.got()
	fresh, err := http.NewRequest(http.MethodPost, "http://h/", strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	fresh.Header = got.Header
	err = fresh.ParseMultipartForm(1 << 20)
	if err != nil || fresh.FormValue("caption") != caption ||
		len(fresh.MultipartForm.File["file"]) != 1 || len(fresh.MultipartForm.Value) != 1 {
		t.Errorf("got %s, %v", got.body, err)
	}
}
