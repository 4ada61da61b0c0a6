// What is wrong with a form as a whole.
export function Fault({ text }: { text: string }) {
  return (
    <p className="form-fault small" role="alert">
      {text}
    </p>
  );
}
