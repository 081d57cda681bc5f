import { api, body, done } from "./client";
import type { SignUpIn } from "./types";

export const signUp = (input: SignUpIn) => body(api.POST("/sign-up", { body: input }));
export const signIn = (input: { email: string; password: string; tenant?: string }) => body(api.POST("/sessions", { body: input }));
export const signOut = () => done(api.DELETE("/sessions/current"));
export const listSignIns = (query: { cursor?: string }) => body(api.GET("/sessions", { params: { query } }));
export const endSignIn = (id: string) => done(api.DELETE("/sessions/{session_id}", { params: { path: { session_id: id } } }));
export const getMe = () => body(api.GET("/me"));
export const changeMe = (input: { name?: string; password?: { current: string; new: string } }) => body(api.PATCH("/me", { body: input }));
export const resendVerification = () => done(api.POST("/email-verifications"));
export const verifyEmail = (token: string) => body(api.POST("/email-verifications/confirm", { body: { token } }));
export const askPasswordReset = (email: string) => done(api.POST("/password-resets", { body: { email } }));
export const resetPassword = (input: { token: string; password: string }) => done(api.POST("/password-resets/confirm", { body: input }));
export const acceptInvitation = (input: { token: string; name: string; password: string }) => body(api.POST("/invitations/accept", { body: input }));
