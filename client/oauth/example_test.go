package oauth_test

import (
	"context"
	"fmt"
	"os"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/oauth"
)

// A program with a user: the first request that the server refuses brings them to its login, and
// the answer back to a port of this host.
func Example() {
	ctx := context.Background()
	receiver, err := oauth.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer func() { _ = receiver.Close() }()
	const server = "https://mcp.example.com/mcp"
	source, err := oauth.New(oauth.Options{
		Resource:    server,
		RedirectURL: receiver.RedirectURL(),
		Open: receiver.Open(func(_ context.Context, page string) error {
			_, err := fmt.Println("Please open", page)
			return err
		}),
	})
	if err != nil {
		panic(err)
	}
	tokens := client.NewTokens(source)
	defer tokens.Close()
	c, err := client.Connect(ctx, client.Options{URL: server, Tokens: tokens})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()
	tools, err := c.ListTools(ctx)
	fmt.Println(len(tools), err)
}

// A program without a user proves who it is with a key.
func ExampleNew_clientCredentials() {
	key, err := os.ReadFile("/etc/robot/key.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	source, err := oauth.New(oauth.Options{
		Resource: "https://mcp.example.com/mcp",
		Grant:    oauth.ClientCredentials,
		ClientID: "robot",
		Issuer:   "https://login.example.com", // nobody else hears of it
		// The other way is a ClientSecret.
		PrivateKey: key, KeyID: "2026-11",
	})
	fmt.Println(client.NewTokens(source), err)
}

// A user whom an enterprise's identity provider knows needs no page: their ID token is exchanged.
func ExampleIdentity() {
	assertion, err := oauth.Identity{
		TokenURL: "https://sso.example.com/token",
		ClientID: "mcploop",
		Subject: func(context.Context) (string, error) {
			token, err := os.ReadFile("/run/sso/id_token")
			return string(token), err
		},
	}.Assertion()
	if err != nil {
		fmt.Println(err)
		return
	}
	source, err := oauth.New(oauth.Options{
		Resource:     "https://mcp.example.com/mcp",
		Grant:        oauth.JWTBearer,
		ClientID:     "mcploop-at-login",
		ClientSecret: os.Getenv("LOGIN_SECRET"),
		Issuer:       "https://login.example.com",
		Assertion:    assertion,
	})
	fmt.Println(client.NewTokens(source), err)
}
